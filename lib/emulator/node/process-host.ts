// Runs each guest of the emulated Fly as a process of its own, so that in embedded mode a crash, a memory leak or a
// SIGKILL is real and affects one machine only. It needs Linux or macOS: suspending and clean-up use POSIX signals and
// `sh`.

import { fork, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { constants } from 'node:os'
import { join, resolve as resolvePath } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { createDiskFolders } from './disk-folders.ts'
import { forwardToPort } from './forward.ts'
import type { ApiAnswerMessage, ApiCallMessage, BootMessage, ListeningMessage } from './guest-process.ts'
import { createCommands } from './run-command.ts'
import { ConnectionRefused } from '../guests/host.ts'
import type { BootSpec, FlyApi, Guest, GuestExit, Host } from '../guests/host.ts'

export type ProcessHostOptions = {
  /** Returns the module whose default export is the program of an image; undefined when there is no such image. */
  images: (image: string) => string | undefined
  /** The directory for the guests' files. They are in a folder of this host, which `close` removes. */
  directory: string
  /** The directory for what outlives this host: volumes, snapshots and kept roots. Default: `disks` in `directory`. */
  disksDirectory?: string
  /** Variables that every guest gets unless its own environment sets them. */
  env?: Record<string, string>
  /** Receives each line that a guest prints, after the machine's id. Without it the lines are dropped. */
  log?: (line: string) => void
}

/** @throws when the directory cannot be created */
export function createProcessHost(options: ProcessHostOptions): Host {
  const { images, directory, env = {}, log = () => {} } = options
  const disksDirectory = resolvePath(options.disksDirectory ?? join(directory, 'disks'))
  const disks = createDiskFolders(disksDirectory)
  const keptRoot = (machineId: string): string => join(disksDirectory, 'roots', machineId)
  mkdirSync(directory, { recursive: true })
  const home = mkdtempSync(join(resolvePath(directory), 'guests-'))
  const cleanup = startCleanupProcess(home)
  const running = new Map<number, Guest>()
  let closed = false

  function boot(spec: BootSpec): Guest {
    const program = images(spec.image)
    if (closed || program === undefined)
      throw new Error(`Cannot boot ${spec.image}: ${closed ? 'closed' : 'unknown'}`)
    const root = rootFor(spec)
    const child = fork(new URL('guest-process.ts', import.meta.url), [], {
      cwd: root,
      // Only PATH: the server's environment has its secrets, and the guest's environment comes in the boot message.
      env: { PATH: process.env['PATH'] ?? '' },
      execArgv: ['--disable-warning=ExperimentalWarning'],
      serialization: 'advanced',
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // A process group of its own: Ctrl-C in the server's terminal does not reach it, and its children end with it.
      detached: true,
    })
    const print = (line: string) => {
      log(`${spec.machineId} ${line}`)
      spec.print(line)
    }
    const commands = createCommands(root, { ...env, ...spec.env })
    const guest: Guest = { ...createGuest(child, print, spec.flyApi), exec: commands.run }
    if (child.pid !== undefined) {
      running.set(child.pid, guest)
      cleanup.watch(running.keys())
    }
    void clearAfterExit(guest, child.pid, spec.keepsRoot === true ? undefined : root, commands.end)
    const message: BootMessage = {
      program: program.startsWith('file:') ? program : pathToFileURL(program).href,
      root,
      env: { ...env, ...spec.env },
      files: spec.files,
      mount: spec.mount && { path: spec.mount.path, folder: disks.folderOf(spec.mount.volume) },
    }
    // A guest that exits before it gets the message reports its exit, so an error here is ignored.
    child.send(message, () => {})
    return guest
  }

  function rootFor({ machineId, keepsRoot }: BootSpec): string {
    if (keepsRoot !== true) return mkdtempSync(join(home, 'root-'))
    mkdirSync(keptRoot(machineId), { recursive: true })
    return keptRoot(machineId)
  }

  /** @param root the root filesystem, unless it is kept */
  async function clearAfterExit(
    guest: Guest,
    pid: number | undefined,
    root: string | undefined,
    endCommands: () => void,
  ): Promise<void> {
    await guest.exited
    endCommands()
    if (pid !== undefined) running.delete(pid)
    cleanup.watch(running.keys())
    if (root !== undefined) rmSync(root, { recursive: true, force: true })
  }

  return {
    canPull: (image) => images(image) !== undefined,
    boot,
    discardRoot: (machineId) => rmSync(keptRoot(machineId), { recursive: true, force: true }),
    disks,
    async close() {
      closed = true
      const guests = [...running.values()]
      for (const guest of guests) guest.kill()
      await Promise.all(guests.map(({ exited }) => exited))
      await cleanup.end()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

function createGuest(
  child: ChildProcess,
  print: (line: string) => void,
  flyApi: FlyApi,
): Omit<Guest, 'exec'> {
  const ports = new Map<number, ListeningMessage>()
  const { promise: exited, resolve: end } = Promise.withResolvers<GuestExit>()
  let over = false
  const finish = (exit: GuestExit) => {
    // Processes that the program left running are ended too.
    signalGroup('SIGKILL')
    over = true
    ports.clear()
    end(exit)
  }
  child.on('message', (message: ListeningMessage | ApiCallMessage) => {
    if ('port' in message) ports.set(message.port, message)
    else void answerApiCall(child, message, flyApi)
  })
  child.once('exit', (code, signal) => finish(exitOf(code, signal)))
  child.once('error', (error) => {
    print(String(error))
    if (child.pid === undefined) finish(exitOf(1, null))
  })
  for (const output of [child.stdout, child.stderr]) {
    if (output) createInterface({ input: output }).on('line', print)
  }

  /** Signals the guest's whole process group. After its end the pid may belong to another process. */
  function signalGroup(signal: NodeJS.Signals): void {
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
    // Only the program gets the signal. It stops its own children.
    signal: (name) => {
      if (!over && child.pid !== undefined) kill(child.pid, name as NodeJS.Signals)
    },
    kill: () => signalGroup('SIGKILL'),
    suspend: () => signalGroup('SIGSTOP'),
    resume: () => signalGroup('SIGCONT'),
  }
}

/** A guest that has ended, or ends by this call, gets no answer. */
async function answerApiCall(
  child: ChildProcess,
  { call, method, path, body }: ApiCallMessage,
  flyApi: FlyApi,
): Promise<void> {
  const answer = await flyApi(method, path, body).catch((error: unknown) => ({
    status: 0,
    body: String(error),
  }))
  const message: ApiAnswerMessage = { call, ...answer }
  child.send(message, () => {})
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
function exitOf(code: number | null, signal: NodeJS.Signals | null): GuestExit {
  if (signal === null) return { exitCode: code ?? 1, oomKilled: false }
  return { exitCode: 128 + constants.signals[signal], signal, oomKilled: false }
}

const isLoopback = (address: string) =>
  address.startsWith('127.') || address === '::1' || address === 'localhost'

/**
 * Ends the guests when the server ends in any way. A guest exits by itself when its channel to the server closes, but
 * a suspended or spinning one does not notice. So a small shell reads from a pipe: each line is the list of running
 * guests. When the pipe closes, the shell kills the guests of the last line and removes their files.
 */
function startCleanupProcess(home: string) {
  const script =
    'while read -r line; do pids=$line; done; [ -n "$pids" ] && kill -s KILL -- $pids 2>/dev/null; rm -rf -- "$1"'
  const shell = spawn('/bin/sh', ['-c', script, 'cleanup', home], {
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  const gone = new Promise<void>((resolve) => {
    shell.once('exit', () => resolve())
    shell.once('error', () => resolve())
  })
  // Without the shell the host still works. Only the clean-up after a SIGKILL of the server is lost.
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
