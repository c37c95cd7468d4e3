// What the emulated Fly needs from whatever runs its guests: a place to boot an image as a program. In tests guests run
// inside the test process (in-process-host.ts); in embedded mode each is a process of its own (process-host.ts).

/** Everything a guest is booted with. Files are decoded already; `env` includes the FLY_* variables (fly.md §5). */
export type BootSpec = {
  machineId: string
  app: string
  region: string
  image: string
  memoryMb: number
  env: Record<string, string>
  files: { path: string; contents: Uint8Array }[]
}

/** How a guest ended; the names are those of Fly's `exit_event` (fly.md §2.9). */
export type GuestExit = { exitCode: number; signal?: string; oomKilled: boolean }

/** One running guest. */
export type Guest = {
  /** Settles once, when the program is over, however it ended. Never rejects. */
  readonly exited: Promise<GuestExit>
  /** Sockets the guest listens on, as `GET /ps` reports them. A guest bound to 127.0.0.1 cannot be reached by the proxy. */
  listening(): { port: number; address: string }[]
  /** Speaks HTTP to a port of the guest. Rejects with {@link ConnectionRefused} when nothing listens there. */
  fetch(port: number, request: Request): Promise<Response>
  /** Asks the program to stop. It may ignore it; the caller follows up with {@link Guest.kill}. */
  signal(name: string): void
  /** Ends the program at once. */
  kill(): void
  /** Freezes and thaws the program, memory kept. */
  suspend(): void
  resume(): void
}

/** Nothing was delivered: the port was closed. */
export class ConnectionRefused extends Error {
  override name = 'ConnectionRefused'
}

export type Host = {
  /** Whether the image can be pulled. An image that is not in the host's table fails as an unpullable one does (fly.md §8.4). */
  canPull(image: string): boolean
  boot(spec: BootSpec): Guest
  /** Ends all guests. */
  close(): Promise<void>
}

/** What a program sees of the machine it runs in. The same program runs in both hosts. */
export type GuestMachine = {
  env: Record<string, string>
  /** The file's text, or undefined when it does not exist. */
  readFile(path: string): string | undefined
  writeFile(path: string, text: string): void
  /** Serves HTTP on a port this machine owns. `address` defaults to 0.0.0.0. */
  listen(
    port: number,
    handler: (request: Request) => Response | Promise<Response>,
    address?: string,
  ): Promise<void>
  fetch: typeof fetch
  /** Aborts when the machine is asked to stop (SIGINT, SIGTERM). */
  stopping: AbortSignal
  log(line: string): void
}

/** A program: resolves with its exit code. Throwing is exit code 1. */
export type Program = (machine: GuestMachine) => Promise<number>
