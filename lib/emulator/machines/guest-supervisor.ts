// Supervises the program of one machine: runs its checks, ends it on request, and reports when it exits by itself. The
// state machine above decides what follows from an exit.

import { runChecks } from './health-checks.ts'
import type { Guest, GuestExit } from '../guests/host.ts'
import type { MachineRecord } from '../store/records.ts'
import type { Runtime } from './runtime.ts'

/** The exit of a program that the kernel killed because memory was exhausted. */
const OUT_OF_MEMORY: GuestExit = { exitCode: 137, signal: 'SIGKILL', oomKilled: true }

type Listeners = {
  /** The program exited without a request. */
  onExit: (exit: GuestExit) => void
  onCheck: () => void
}

export class GuestSupervisor {
  /** The running or suspended program, if there is one. */
  guest: Guest | undefined
  readonly #runtime: Runtime
  readonly #record: MachineRecord
  readonly #listeners: Listeners
  /** A guest that is being ended on request. Its exit is not reported. */
  #ending: Guest | undefined
  #outOfMemory = false
  #endChecks: () => void = () => undefined

  constructor(runtime: Runtime, record: MachineRecord, listeners: Listeners) {
    this.#runtime = runtime
    this.#record = record
    this.#listeners = listeners
  }

  /** Takes over a program that was just booted. */
  supervise(guest: Guest): void {
    this.guest = guest
    this.#outOfMemory = false
    void this.#watch(guest)
  }

  async #watch(guest: Guest): Promise<void> {
    const exit = await guest.exited
    if (this.guest !== guest || this.#ending === guest) return
    this.guest = undefined
    this.#endChecks()
    this.#listeners.onExit(this.#outOfMemory ? OUT_OF_MEMORY : exit)
  }

  startChecks(): void {
    if (this.guest === undefined) return
    this.#endChecks = runChecks(this.#runtime, this.#record, this.guest, this.#listeners.onCheck)
  }

  suspend(): void {
    this.#endChecks()
    this.guest?.suspend()
  }

  /** Ends the program as the kernel does when memory runs out. */
  outOfMemory(): void {
    this.#outOfMemory = true
    this.guest?.kill()
  }

  /** Sends the signal, and SIGKILL after the timeout. Undefined when no program runs. */
  async end(
    signal = 'SIGINT',
    timeoutMs = this.#runtime.timings.killTimeoutMs,
  ): Promise<GuestExit | undefined> {
    const { guest } = this
    if (guest === undefined) return undefined
    this.#endChecks()
    this.#ending = guest
    guest.resume()
    const giveUp = this.#runtime.after(timeoutMs, () => guest.kill())
    guest.signal(signal)
    const exit = await guest.exited
    giveUp()
    if (this.guest === guest) this.guest = undefined
    return exit
  }

  /** Kills the program, or drops its snapshot. */
  drop(): void {
    const { guest } = this
    this.#endChecks()
    this.guest = undefined
    guest?.kill()
  }

  /** The emulator closes: an exit from now on is not reported. */
  abandon(): void {
    this.#endChecks()
    this.#ending = this.guest
  }
}
