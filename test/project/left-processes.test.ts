// A run leaves no process behind: what a test process has started ends with it, also if nothing but SIGKILL ends that one.
import { spawn } from 'node:child_process'
import { expect, test } from 'vitest'
import { descendantsOf, stillLiving } from '../support/processes.ts'

const GUARD = new URL('../support/child-guard.ts', import.meta.url).href

test('a killed test process leaves neither its programs nor what they have started', async () => {
  // A program that starts a server in a process group of its own, as `npm run tutorial` does.
  const program = `
    require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' })
    setInterval(() => {}, 1000)`
  const script = `
    const { guardChild } = await import(${JSON.stringify(GUARD)})
    const { spawn } = await import('node:child_process')
    guardChild(spawn(process.execPath, ['-e', ${JSON.stringify(program)}], { stdio: 'ignore' }).pid)`
  const killed = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' })
  const started = () => descendantsOf([killed.pid ?? -1])
  // The guard, the program, and what the program has started.
  await expect.poll(started).toHaveLength(3)
  const pids = started()
  killed.kill('SIGKILL')
  await expect.poll(() => stillLiving(pids)).toEqual([])
})
