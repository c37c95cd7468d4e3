// Starts a script of the bench as a child process, which ends with this process.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Announcement } from './announce.ts'

/** Lines that Node prints when force-gc.ts opens its inspector. */
const INSPECTOR_OUTPUT = /^(Debugger |For help, see: )/

export type Child = { process: ChildProcess; pid: number; stop(): Promise<void> }

/**
 * @param script its name in this folder
 * @param nodeOptions for Node itself
 */
export function startChild(script: string, args: string[] = [], nodeOptions: string[] = []): Child {
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), args, {
    execArgv: nodeOptions,
    // Without the shell's settings for Node and for proxies.
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    // JSON has no NaN.
    serialization: 'advanced',
  })
  if (child.stderr !== null) {
    createInterface(child.stderr).on('line', (line) => {
      if (!INSPECTOR_OUTPUT.test(line)) console.error(`${script}: ${line}`)
    })
  }
  const ended = once(child, 'exit')
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  return {
    process: child,
    pid: child.pid ?? 0,
    async stop() {
      process.off('exit', kill)
      kill()
      await ended
    },
  }
}

export async function startListening(
  script: string,
  args: string[] = [],
  nodeOptions: string[] = [],
): Promise<Child & { port: number }> {
  const child = startChild(script, args, nodeOptions)
  const died = once(child.process, 'exit').then(() => {
    throw new Error(`${script} ended before it listened`)
  })
  const [{ port }] = (await Promise.race([once(child.process, 'message'), died])) as [Announcement]
  died.catch(() => {})
  return { ...child, port }
}
