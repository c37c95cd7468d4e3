// A guest whose program is any command: an agent under development, started as its image would start it. It gets the
// machine's environment and files, its exits and signals are real, and `PORT` names a port of its own on this computer, because
// all machines share the computer's addresses.

import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { ConnectionRefused } from '../guests/host.ts'
import type { BootSpec, Guest, GuestExit } from '../guests/host.ts'
import { isLoopback } from '../guests/is-reachable.ts'
import { forwardToPort } from './forward.ts'
import { listeningSockets } from './listening-sockets.ts'
import { createMachineFiles } from './machine-files.ts'
import type { VolumeLink } from './machine-files.ts'
import { killProcessesOf, processesOf, ROOT_VARIABLE } from './machine-processes.ts'
import { exitOf, superviseMainProcess } from './main-process.ts'
import type { MainProcess } from './main-process.ts'

/** A command in place of an image, with what an image would set beside it. */
export type CommandImage = {
  /** The program and its arguments, as in ENTRYPOINT and CMD of an image. */
  command: readonly string[]
  /** The working directory, an absolute path, as WORKDIR of an image. */
  directory: string
  /** Variables, as ENV of an image. The machine's own take precedence. */
  env: Record<string, string>
}

export type CommandBoot = Pick<BootSpec, 'env' | 'files' | 'print'> & {
  /** The folder that stands for `/`. */
  root: string
  mount: VolumeLink | undefined
  /** The port that the machine's service expects; the program finds another in `PORT`. */
  port: number
  onStart: (pid: number) => void
}

/** An open port: `port` is the machine's, `actual` the one on this computer. */
type OpenPort = { port: number; address: string; actual: number }

/** The shortest time between two looks at the open ports. */
const LOOK_INTERVAL_MS = 100

/** Variables that a program needs to find its tools and their caches. The server's others may be secrets. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'TMPDIR']

export function bootCommand(image: CommandImage, boot: CommandBoot): Omit<Guest, 'exec'> {
  const { root, print } = boot
  const { promise: exited, resolve: end } = Promise.withResolvers<GuestExit>()
  let main: MainProcess | undefined
  let actual = 0
  let over = false
  let suspended = false
  let open: OpenPort[] = []
  let hasWarned = false
  let lookedAt = -Infinity
  const files = createMachineFiles(root)
  files.prepare(boot.files, boot.mount)
  start().catch((error: unknown) => {
    print(String(error))
    finish(exitOf(1, null))
  })

  async function start(): Promise<void> {
    actual = await freePort()
    if (over) return
    const [program = '', ...args] = image.command
    const child = spawn(program, args, {
      cwd: image.directory,
      env: {
        ...inherited(),
        ...image.env,
        ...withPathsHere(boot, (path) => files.pathOf(path)),
        PORT: String(actual),
        [ROOT_VARIABLE]: root,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    main = superviseMainProcess(child, print)
    if (main.pid !== undefined) boot.onStart(main.pid)
    if (suspended) main.suspend()
    finish(await main.exited)
  }

  function finish(exit: GuestExit): void {
    over = true
    open = []
    killProcessesOf(root)
    end(exit)
  }

  /** Ends the program, also one that has not been started yet. */
  function signal(name: NodeJS.Signals): void {
    if (main !== undefined) main.signal(name)
    else if (!over) finish(exitOf(null, name))
  }

  /** The open ports, the one that `PORT` named first. They are looked up until the port that counts is open. */
  function openPorts(): OpenPort[] {
    const isKnown = open.some(({ port, address }) => port === boot.port && !isLoopback(address))
    if (over || main === undefined || isKnown || performance.now() - lookedAt < LOOK_INTERVAL_MS) return open
    // Where the system does not show them, the program is taken to listen where it was told to.
    const found = listeningSockets(processesOf(root)) ?? [{ port: actual, address: '0.0.0.0' }]
    open = found
      .map(({ port, address }) => ({ port: port === actual ? boot.port : port, address, actual: port }))
      .toSorted((a, b) => Number(b.actual === actual) - Number(a.actual === actual))
    warnAboutLoopback()
    lookedAt = performance.now()
    return open
  }

  /** The most common reason why a program that listens cannot be reached on Fly. */
  function warnAboutLoopback(): void {
    const own = open.filter(({ port }) => port === boot.port)
    if (hasWarned || own.length === 0 || own.some(({ address }) => !isLoopback(address))) return
    hasWarned = true
    print(
      `The program listens on ${own[0]?.address} only, where nothing outside its machine can reach it: bind 0.0.0.0.`,
    )
  }

  return {
    exited,
    listening: () => openPorts().map(({ port, address }) => ({ port, address })),
    async fetch(port, request) {
      const target = openPorts().find((one) => one.port === port && !isLoopback(one.address))
      if (target === undefined) {
        throw new ConnectionRefused(`Nothing that can be reached listens on port ${port}`)
      }
      try {
        return await forwardToPort(target.actual, request)
      } catch (error) {
        if (error instanceof ConnectionRefused) open = []
        throw error
      }
    },
    signal: (name) => signal(name as NodeJS.Signals),
    kill() {
      if (main === undefined) signal('SIGKILL')
      else main.kill()
    },
    suspend() {
      suspended = true
      main?.suspend()
    },
    resume() {
      suspended = false
      main?.resume()
    },
  }
}

const inherited = (): Record<string, string> =>
  Object.fromEntries(INHERITED.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])))

/**
 * The machine's environment. A variable that is the path of a file, of the volume, or of a folder with one of them is
 * given as the path on this computer: a program that reads its paths from variables then works here as in a machine.
 */
function withPathsHere(
  { env, files, mount }: CommandBoot,
  pathOf: (path: string) => string,
): Record<string, string> {
  const known = [...files.map(({ path }) => path), ...(mount === undefined ? [] : [mount.path])]
  const isKnown = (path: string): boolean =>
    known.some((one) => one === path || one.startsWith(`${path.replace(/\/$/, '')}/`))
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [
      name,
      /^\/./.test(value) && isKnown(value) ? pathOf(value) : value,
    ]),
  )
}

/** A port that was free a moment ago. If another process takes it meanwhile, the program fails and is started again. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
