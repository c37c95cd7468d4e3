// Nothing outlives the test process that started it: a guard in a separate process ends child processes and removes
// directories that are left. A test process cannot do it, because vitest may kill it.
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export type GuardMessage = { pid: number; isGuarded: boolean } | { directory: string }

let guard: ChildProcess | undefined

/**
 * Ends a process, and those that it has started, when this one ends, however it ends.
 * @returns releases the process, for when it has ended
 */
export function guardChild(pid: number | undefined): () => void {
  if (pid === undefined) return () => {}
  const child = (guard ??= startGuard())
  child.send({ pid, isGuarded: true } satisfies GuardMessage)
  return () => void child.send({ pid, isGuarded: false } satisfies GuardMessage)
}

/** Removes a directory when this process ends. */
export function guardDirectory(directory: string): void {
  guard ??= startGuard()
  guard.send({ directory } satisfies GuardMessage)
}

function startGuard(): ChildProcess {
  const child = fork(fileURLToPath(new URL('child-guard-process.ts', import.meta.url)), { execArgv: [] })
  // It must not keep this process running.
  child.unref()
  child.channel?.unref()
  return child
}
