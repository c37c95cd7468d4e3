// The interface between the emulated Fly and the host that runs its guests. In tests guests run inside the test process
// (in-process-host.ts). In embedded mode each guest is a process of its own (node/process-host.ts).

import type { Disks } from './disks.ts'

/** Everything that a guest is booted with. Files are decoded; `env` includes the FLY_* variables (docs/facts/fly.md §5). */
export type BootSpec = {
  machineId: string
  app: string
  region: string
  image: string
  memoryMb: number
  /** The port at which the first service of the machine expects its program; undefined without a service. */
  port?: number | undefined
  env: Record<string, string>
  files: { path: string; contents: Uint8Array }[]
  /** The volume of the machine, and where its program finds it. */
  mount?: { volume: string; path: string } | undefined
  /**
   * Whether the root filesystem is kept for the machine's next boot. Otherwise that boot gets a fresh one
   * (docs/facts/fly.md §4.2, `rootfs`).
   */
  keepsRoot?: boolean
  /** Receives each line that the program prints. */
  print: (line: string) => void
  /** Answers a call of the program to its own machine's API. */
  flyApi: FlyApi
}

/**
 * The Machines API of the own machine, from inside it and without a token, as the socket `/.fly/api` of a real machine
 * gives it (docs/facts/fly.md §1.1). Other paths than those of the own machine answer 403.
 */
export type FlyApi = (
  method: string,
  path: string,
  body?: string,
) => Promise<{ status: number; body: string }>

/** One command beside the guest's program. `stdin` is text, as in Fly's API (docs/facts/fly.md §2.5). */
export type GuestCommand = { command: readonly string[]; stdin: string; timeoutMs: number }

/** `signal` is 0 when no signal ended the command. Bytes that are not UTF-8 become U+FFFD, as in any JSON. */
export type GuestCommandResult = { exitCode: number; signal: number; stdout: string; stderr: string }

/** The command did not end in time, or its machine ended first. */
export class CommandCutOff extends Error {
  override name = 'CommandCutOff'
}

/** The command cannot be run at all: there is no such program. */
export class CommandNotFound extends Error {
  override name = 'CommandNotFound'
}

/** How a guest exited. The names are those of Fly's `exit_event` (docs/facts/fly.md §2.9). */
export type GuestExit = { exitCode: number; signal?: string; oomKilled: boolean }

/** One running guest. */
export type Guest = {
  /** Resolves when the program has exited. Never rejects. */
  readonly exited: Promise<GuestExit>
  /** Sockets the guest listens on, as `GET /ps` reports them. A guest bound to 127.0.0.1 cannot be reached by the proxy. */
  listening(): { port: number; address: string }[]
  /** Sends HTTP to a port of the guest. Rejects with {@link ConnectionRefused} when nothing listens there. */
  fetch(port: number, request: Request): Promise<Response>
  /**
   * Runs a command in the machine's directory with its environment. It ends with the machine.
   * Rejects with {@link CommandCutOff} or {@link CommandNotFound}.
   */
  exec(command: GuestCommand): Promise<GuestCommandResult>
  /** Sends a signal. The program may ignore it; then the caller uses {@link Guest.kill}. */
  signal(name: string): void
  /** Ends the program at once. */
  kill(): void
  /** Stops and continues the execution of the program. Its memory is kept. */
  suspend(): void
  resume(): void
}

/** Nothing was delivered: the port was closed. */
export class ConnectionRefused extends Error {
  override name = 'ConnectionRefused'
}

export type Host = {
  /** Whether the image can be pulled. An image that is not in the host's table cannot (docs/facts/fly.md §8.4). */
  canPull(image: string): boolean
  boot(spec: BootSpec): Guest
  /** Removes a root filesystem that was kept for the machine. */
  discardRoot(machineId: string): void
  /** The data of the volumes. */
  disks: Disks
  /** Ends all guests. */
  close(): Promise<void>
}

/** The machine as its program sees it. The same program runs in both hosts. */
export type GuestMachine = {
  env: Record<string, string>
  /** The file's text, or undefined when it does not exist. Below the path of a mount it is a file of the volume. */
  readFile(path: string): string | undefined
  /** A reader sees the old text or the new text, also when the program is killed meanwhile. */
  writeFile(path: string, text: string): void
  /** Serves HTTP on a port of this machine. `address` defaults to 0.0.0.0. */
  listen(
    port: number,
    handler: (request: Request) => Response | Promise<Response>,
    address?: string,
  ): Promise<void>
  fetch: typeof fetch
  flyApi: FlyApi
  /** Aborts on SIGINT and SIGTERM. */
  stopping: AbortSignal
  log(line: string): void
}

/** A program: resolves with its exit code. Throwing is exit code 1. */
export type Program = (machine: GuestMachine) => Promise<number>
