// Runs each guest of the emulated Fly as a process of its own, so that in embedded mode a crash, a memory leak or a SIGKILL
// is a real one and hits one machine only. Needs Linux or macOS: freezing and clean-up rest on POSIX signals and `sh`.
import { fork, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { constants } from 'node:os'
import { join, resolve as resolvePath } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { forwardToPort } from './forward.ts'
import type { BootMessage, ListeningMessage } from './guest-process.ts'
import { ConnectionRefused } from '../guests/host.ts'
import type { BootSpec, Guest, GuestExit, Host } from '../guests/host.ts'

export type ProcessHostOptions = {
  /** The module whose default export is the image's program; undefined when there is no such image. */
  images: (image: string) => string | undefined
  /** Where the guests' files go, in a folder of this host's own that is removed with it. */
  directory: string
  /** Environment every guest gets below its own. */
  env?: Record<string, string>
  /** Takes what guests print, a line at a time, after the machine's id. Without it the lines are dropped. */
  log?: (line: string) => void
}

/** A host for the server's computer. Throws when the directory cannot be made. */
export function createProcessHost({ images, directory, env = {}, log = () => {} }: ProcessHostOptions): Host {
  mkdirSync(directory, { recursive: true })
  const home = mkdtempSync(join(resolvePath(directory), 'guests-'))
  const janitor = startJanitor(home)
  const running = new Map<number, Guest>()
  let closed = false

  function boot(spec: BootSpec): Guest {
    const program = images(spec.image)
    if (closed || program === undefined)
      throw new Error(`Cannot boot ${spec.image}: ${closed ? 'closed' : 'unknown'}`)
    const root = mkdtempSync(join(home, 'root-'))
    const child = fork(new URL('guest-process.ts', import.meta.url), [], {
      cwd: root,
      // Nothing but PATH: the server's environment holds its secrets, and the guest's own travels in the boot message.
      env: { PATH: process.env['PATH'] ?? '' },
      execArgv: ['--disable-warning=ExperimentalWarning'],
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // A session of its own: Ctrl-C in the server's terminal is not the guest's, and whatever it starts ends with it.
      detached: true,
    })
    const print = (line: string) => log(`${spec.machineId} ${line}`)
    const guest = createGuest(child, print)
    if (child.pid !== undefined) {
      running.set(child.pid, guest)
      janitor.watch(running.keys())
    }
    void tidyAfter(guest, child.pid, root)
    const message: BootMessage = {
      program: program.startsWith('file:') ? program : pathToFileURL(program).href,
      root,
      env: { ...env, ...spec.env },
      files: spec.files,
    }
    // A guest that is dead before it can be told has its exit event; there is nothing to add.
    child.send(message, () => {})
    return guest
  }

  async function tidyAfter(guest: Guest, pid: number | undefined, root: string): Promise<void> {
    await guest.exited
    if (pid !== undefined) running.delete(pid)
    janitor.watch(running.keys())
    rmSync(root, { recursive: true, force: true })
  }

  return {
    canPull: (image) => images(image) !== undefined,
    boot,
    async close() {
      closed = true
      const guests = [...running.values()]
      for (const guest of guests) guest.kill()
      await Promise.all(guests.map(({ exited }) => exited))
      await janitor.end()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

function createGuest(child: ChildProcess, print: (line: string) => void): Guest {
  const ports = new Map<number, ListeningMessage>()
  const { promise: exited, resolve: end } = Promise.withResolvers<GuestExit>()
  let over = false
  const finish = (exit: GuestExit) => {
    // What the program left running has no machine any more.
    tell('SIGKILL')
    over = true
    ports.clear()
    end(exit)
  }
  child.on('message', (report: ListeningMessage) => ports.set(report.port, report))
  child.once('exit', (code, signal) => finish(exitOf(code, signal)))
  child.once('error', (error) => {
    print(String(error))
    if (child.pid === undefined) finish(exitOf(1, null))
  })
  for (const output of [child.stdout, child.stderr]) {
    if (output) createInterface({ input: output }).on('line', print)
  }

  /** Signals the guest's whole process group. After its end the number may be somebody else's. */
  function tell(signal: NodeJS.Signals): void {
    if (!over && child.pid !== undefined) kill(-child.pid, signal)
  }

  return {
    exited,
    listening: () => [...ports.values()].map(({ port, address }) => ({ port, address })),
    fetch(port, request) {
      const open = ports.get(port)
      if (open === undefined || isLoopback(open.address)) {
        return Promise.reject(new ConnectionRefused(`Nothing that can be reached listens on port ${port}`))
      }
      return forwardToPort(open.actual, request)
    },
    // Only the program is asked; what it started is its own to stop.
    signal: (name) => {
      if (!over && child.pid !== undefined) kill(child.pid, name as NodeJS.Signals)
    },
    kill: () => tell('SIGKILL'),
    suspend: () => tell('SIGSTOP'),
    resume: () => tell('SIGCONT'),
  }
}

/** A process that is gone already is no error. */
function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** A signal counts as code 128 + its number, as shells and init processes report it. */
function exitOf(code: number | null, signal: NodeJS.Signals | null): GuestExit {
  if (signal === null) return { exitCode: code ?? 1, oomKilled: false }
  return { exitCode: 128 + constants.signals[signal], signal, oomKilled: false }
}

const isLoopback = (address: string) =>
  address.startsWith('127.') || address === '::1' || address === 'localhost'

/**
 * Watches over the guests from outside the server. A guest leaves by itself when its channel to the server closes, but a
 * frozen or spinning one cannot notice. So a small shell holds the other end of a pipe: each line it reads is the list
 * of live guests, and when the pipe closes, however the server ended, it kills the last list and removes their files.
 */
function startJanitor(home: string) {
  const script =
    'while read -r line; do pids=$line; done; [ -n "$pids" ] && kill -s KILL -- $pids 2>/dev/null; rm -rf -- "$1"'
  const shell = spawn('/bin/sh', ['-c', script, 'janitor', home], {
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  const gone = new Promise<void>((resolve) => {
    shell.once('exit', () => resolve())
    shell.once('error', () => resolve())
  })
  // Without its janitor the host still works; only its clean-up after a violent death is lost.
  shell.stdin.on('error', () => {})
  shell.unref()
  ;(shell.stdin as Socket).unref()
  return {
    watch(pids: Iterable<number>) {
      shell.stdin.write(`${[...pids].map((pid) => -pid).join(' ')}\n`)
    },
    end() {
      shell.stdin.end()
      shell.ref()
      return gone
    },
  }
}
