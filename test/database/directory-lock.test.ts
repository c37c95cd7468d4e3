// The directory of the embedded database belongs to one process at a time, in any state of that process.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DirectoryInUse, lockDirectory } from '../../drizzle/drivers/directory-lock.ts'
import { guardChild } from '../support/child-guard.ts'

const MODULE = new URL('../../drizzle/drivers/directory-lock.ts', import.meta.url).href

let root: string
let directory: string
let owners: ReturnType<typeof spawn>[]
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'workspaces-lock-'))
  directory = join(root, 'data/postgres')
  owners = []
})
afterEach(() => {
  for (const owner of owners) owner.kill('SIGKILL')
  rmSync(root, { recursive: true, force: true })
})

/** Starts a process that takes the lock, prints the result, and then runs `then`. */
async function start(then = 'setInterval(() => {}, 1000)') {
  const script = `const { lockDirectory } = await import(${JSON.stringify(MODULE)})
    await lockDirectory(${JSON.stringify(directory)}).then(() => console.log('taken'), (error) => { console.log(error.message); process.exit() })
    ${then}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  owners.push(child)
  const release = guardChild(child.pid)
  child.once('exit', release)
  const line = await new Promise<string>((resolve) =>
    child.stdout.once('data', (text) => resolve(String(text))),
  )
  const end = async (signal: NodeJS.Signals) => {
    const exited = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await exited
  }
  return { printed: line.trim(), pid: child.pid, end }
}

test('a second process learns who holds the directory, and a kill -9 leaves no lock', async () => {
  const owner = await start()
  expect(owner.printed).toBe('taken')
  expect((await start()).printed).toBe(
    `${directory} is open in process ${owner.pid}: stop it, or set DATA_DIR to another directory`,
  )
  await owner.end('SIGKILL')
  const unlock = await lockDirectory(directory)
  await unlock()
  expect(existsSync(`${directory}.lock`)).toBe(false)
})

test.each([
  ['too busy to answer', 'console.log("busy"); for (;;);'],
  ['stopped', 'process.kill(process.pid, "SIGSTOP")'],
])('an owner that is %s keeps the directory', async (_, then) => {
  await start(then)
  await expect(lockDirectory(directory)).rejects.toThrow(
    /is open in another process: stop it, or set DATA_DIR/,
  )
})

test('a stale lock file with the pid of an unrelated process blocks nothing', async () => {
  await (
    await lockDirectory(directory)
  )()
  writeFileSync(`${directory}.lock`, String(process.ppid))
  await (
    await lockDirectory(directory)
  )()
})

test('one of two processes that start after a kill gets the directory', async () => {
  await (await start()).end('SIGKILL')
  const outcomes = await Promise.allSettled([
    lockDirectory(directory),
    lockDirectory(directory),
    lockDirectory(directory),
  ])
  const [winner, ...more] = outcomes.filter((one) => one.status === 'fulfilled')
  expect(more).toEqual([])
  for (const one of outcomes) if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(DirectoryInUse)
  await winner?.value()
})
