// Runs guests inside this process, from a table of images and programs. It is for tests: nothing is spawned and no
// socket is opened. A program has only the files, ports and fetch that this file passes to it.

import { normalizedPath } from './disks.ts'
import { CommandCutOff, CommandNotFound, ConnectionRefused } from './host.ts'
import type {
  BootSpec,
  Guest,
  GuestCommand,
  GuestCommandResult,
  GuestExit,
  GuestMachine,
  Host,
  Program,
} from './host.ts'
import { createMemoryDisks } from './memory-disks.ts'
import type { MemoryDisks, MemoryFiles } from './memory-disks.ts'
import { orAborted } from '../shared/abort.ts'

export type InProcessHostOptions = {
  /**
   * The programs by image. A name may contain `*` for any characters. The first that matches the whole image is run.
   * An image that matches none cannot be pulled.
   */
  programs: Record<string, Program>
  /** The fetch for outgoing requests of guests. Default: the global one. */
  fetch?: typeof fetch
  log?: (line: string) => void
  /**
   * Runs a command for a guest, until the signal aborts. Without it a guest has no commands, because it is a function
   * and not a system.
   */
  exec?: (spec: BootSpec, command: GuestCommand, over: AbortSignal) => Promise<GuestCommandResult>
  /** The data of the volumes. Default: disks of its own, which end with this host. */
  disks?: MemoryDisks
}

type Listener = { address: string; handler: (request: Request) => Response | Promise<Response> }

export function createInProcessHost(options: InProcessHostOptions): Host {
  const guests = new Set<Guest>()
  const programs = Object.entries(options.programs).map(([pattern, program]) => ({
    matches: glob(pattern),
    program,
  }))
  const disks = options.disks ?? createMemoryDisks()
  /** The root filesystems that machines keep, by machine. */
  const roots = new Map<string, MemoryFiles>()
  const find = (image: string): Program | undefined =>
    programs.find(({ matches }) => matches.test(image))?.program

  return {
    canPull: (image) => find(image) !== undefined,
    boot(spec) {
      const program = find(spec.image)
      if (program === undefined) throw new Error(`no program for image ${spec.image}`)
      const root = roots.get(spec.machineId) ?? new Map<string, string>()
      if (spec.keepsRoot === true) roots.set(spec.machineId, root)
      else roots.delete(spec.machineId)
      const guest = bootProgram(program, spec, options, fileAccess(spec, root, disks))
      guests.add(guest)
      void guest.exited.then(() => guests.delete(guest))
      return guest
    },
    discardRoot: (machineId) => void roots.delete(machineId),
    disks,
    async close() {
      const ended = [...guests].map((guest) => guest.exited)
      for (const guest of guests) guest.kill()
      await Promise.all(ended)
    },
  }
}

const glob = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .split('*')
      .map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
  )

type FileAccess = { read: (path: string) => string | undefined; write: (path: string, text: string) => void }

/** The files of a machine: those of its volume below the mount's path, and those of its root elsewhere. */
function fileAccess({ files, mount }: BootSpec, root: MemoryFiles, disks: MemoryDisks): FileAccess {
  const mountedAt = mount === undefined ? undefined : `${normalizedPath(mount.path)}/`
  const volume = mount === undefined ? undefined : disks.filesOf(mount.volume)
  function place(path: string): { files: MemoryFiles; key: string } {
    const key = normalizedPath(path)
    if (mountedAt === undefined || volume === undefined || !key.startsWith(mountedAt))
      return { files: root, key }
    return { files: volume, key: key.slice(mountedAt.length) }
  }
  const access: FileAccess = {
    read(path) {
      const { files: holder, key } = place(path)
      return holder.get(key)
    },
    write(path, text) {
      const { files: holder, key } = place(path)
      holder.set(key, text)
    },
  }
  for (const { path, contents } of files) access.write(path, new TextDecoder().decode(contents))
  return access
}

function bootProgram(
  program: Program,
  spec: BootSpec,
  options: InProcessHostOptions,
  files: FileAccess,
): Guest {
  const ports = new Map<number, Listener>()
  const stopping = new AbortController()
  /** Aborts when the program has exited. Everything that it has open fails then. */
  const over = new AbortController()
  const gate = createGate()
  const outgoing = options.fetch ?? fetch
  let settle: (exit: GuestExit) => void = () => undefined
  const exited = new Promise<GuestExit>((resolve) => (settle = resolve))

  function end(exit: GuestExit): void {
    if (over.signal.aborted) return
    ports.clear()
    gate.open()
    over.abort(new TypeError('the program has ended'))
    settle(exit)
  }

  /** A killed program still runs, because a promise cannot be stopped. Its calls to the machine fail. */
  const assertAlive = (): void => over.signal.throwIfAborted()

  const machine: GuestMachine = {
    env: { ...spec.env },
    readFile: files.read,
    writeFile(path, text) {
      assertAlive()
      files.write(path, text)
    },
    async listen(port, handler, address = '0.0.0.0') {
      assertAlive()
      if (ports.has(port)) throw new Error(`port ${port} is in use`)
      ports.set(port, { address, handler })
    },
    async fetch(input, init) {
      await gate.passed()
      assertAlive()
      const request = new Request(input, init)
      // The guest's own signal: that of `request` is silent once `request` is collected as garbage.
      const own = init?.signal ?? (input instanceof Request ? input.signal : request.signal)
      return outgoing(new Request(request, { signal: AbortSignal.any([own, over.signal]) }))
    },
    async flyApi(method, path, body) {
      assertAlive()
      const answer = await spec.flyApi(method, path, body)
      await gate.passed()
      return answer
    },
    stopping: stopping.signal,
    log(line) {
      options.log?.(`${spec.machineId}: ${line}`)
      spec.print(line)
    },
  }

  const guest: Guest = {
    exited,
    listening: () => [...ports].map(([port, { address }]) => ({ port, address })),
    async fetch(port, request) {
      await gate.passed()
      const listener = ports.get(port)
      if (listener === undefined) throw new ConnectionRefused(`connect: connection refused on port ${port}`)
      const response = await orAborted(Promise.resolve(listener.handler(request)), over.signal)
      await gate.passed()
      return cutWhenOver(response, over.signal, gate.passed)
    },
    async exec(command) {
      await gate.passed()
      if (over.signal.aborted) throw new CommandCutOff('the program has ended')
      if (options.exec === undefined) throw new CommandNotFound(`no such program: ${command.command[0]}`)
      return options.exec(spec, command, over.signal)
    },
    signal(name) {
      if (name === 'SIGKILL') guest.kill()
      // Other signals have no handler in these programs and are ignored.
      else if (name === 'SIGINT' || name === 'SIGTERM') stopping.abort()
    },
    kill: () => end({ exitCode: 137, signal: 'SIGKILL', oomKilled: false }),
    suspend: gate.shut,
    resume: gate.open,
  }

  // Started in a later turn, so that `boot` returns before the program's first line runs.
  void Promise.resolve()
    .then(() => program(machine))
    .then(
      (exitCode) => end({ exitCode, oomKilled: false }),
      (error: unknown) => {
        if (!over.signal.aborted) machine.log(`ended by an error: ${String(error)}`)
        end({ exitCode: 1, oomKilled: false })
      },
    )
  return guest
}

/** Holds callers of `passed` while the machine is suspended. */
function createGate(): { passed: () => Promise<void>; shut: () => void; open: () => void } {
  let waiting: Promise<void> | undefined
  let release: () => void = () => undefined
  const passed = async (): Promise<void> => {
    if (waiting === undefined) return
    await waiting
    // The gate may have been shut again meanwhile.
    return passed()
  }
  return {
    passed,
    shut() {
      waiting ??= new Promise((resolve) => (release = resolve))
    },
    open() {
      waiting = undefined
      release()
    },
  }
}

/** The response, with a body that fails when the program exits and pauses while it is suspended. */
function cutWhenOver(response: Response, over: AbortSignal, passed: () => Promise<void>): Response {
  if (response.body === null) return response
  const reader = response.body.getReader()
  let cut = (): void => undefined
  const leave = (): void => over.removeEventListener('abort', cut)
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      // At once and not at the next read: a slow reader must not get what a killed program still sends.
      cut = () => {
        controller.error(over.reason)
        reader.cancel(over.reason).catch(() => undefined)
      }
      if (over.aborted) cut()
      over.addEventListener('abort', cut, { once: true })
    },
    async pull(controller) {
      try {
        const { done, value } = await orAborted(reader.read(), over)
        await passed()
        if (over.aborted) return
        if (!done) return controller.enqueue(value)
        leave()
        controller.close()
      } catch (error) {
        leave()
        throw error
      }
    },
    cancel(reason) {
      leave()
      return reader.cancel(reason)
    },
  })
  return new Response(body, response)
}
