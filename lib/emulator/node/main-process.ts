// The main process of a guest: it leads a process group of its own, so that suspending and killing reach its children too, and
// its output is read line by line.

import type { ChildProcess } from 'node:child_process'
import { constants } from 'node:os'
import { createInterface } from 'node:readline'
import type { GuestExit } from '../guests/host.ts'

/** As shells report a program that cannot be run. */
const NOT_STARTED = 127

export type MainProcess = {
  /** Undefined when the process could not be started. */
  pid: number | undefined
  /** Resolves when the process has exited. What it left in its group is killed before. */
  exited: Promise<GuestExit>
  /** Signals the process alone: a program stops its own children. */
  signal(name: string): void
  kill(): void
  suspend(): void
  resume(): void
}

/** @param child was spawned with `detached`, so that it leads a group */
export function superviseMainProcess(child: ChildProcess, print: (line: string) => void): MainProcess {
  const { promise: exited, resolve } = Promise.withResolvers<GuestExit>()
  const { pid } = child
  let over = false
  const finish = (exit: GuestExit): void => {
    signalGroup('SIGKILL')
    over = true
    resolve(exit)
  }
  child.once('exit', (code, signal) => finish(exitOf(code, signal)))
  child.once('error', (error) => {
    print(String(error))
    if (pid === undefined) finish(exitOf(NOT_STARTED, null))
  })
  for (const output of [child.stdout, child.stderr]) {
    if (output) createInterface({ input: output }).on('line', print)
  }

  /** After the end of the process its id may belong to another. */
  function signalGroup(signal: NodeJS.Signals): void {
    if (!over && pid !== undefined) kill(-pid, signal)
  }

  return {
    pid,
    exited,
    signal(name) {
      if (!over && pid !== undefined) kill(pid, name as NodeJS.Signals)
    },
    kill: () => signalGroup('SIGKILL'),
    suspend: () => signalGroup('SIGSTOP'),
    resume: () => signalGroup('SIGCONT'),
  }
}

/** Signals a process. That it has ended already is no error. */
function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** A signal is reported as exit code 128 + its number, as shells do. */
export function exitOf(code: number | null, signal: NodeJS.Signals | null): GuestExit {
  if (signal === null) return { exitCode: code ?? 1, oomKilled: false }
  return { exitCode: 128 + constants.signals[signal], signal, oomKilled: false }
}
