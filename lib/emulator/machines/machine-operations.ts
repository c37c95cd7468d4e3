// The slow parts of a machine's life: launching, booting, stopping, suspending, replacing. Each takes an operation
// number and ends without effect when a newer operation has begun meanwhile.

import { crashedGuest } from '../guests/crashed-guest.ts'
import type { Guest, GuestExit } from '../guests/host.ts'
import type { EventSource, MachineRecord, MachineState, SecretRecord } from '../store/records.ts'
import { bootSpec } from './boot-spec.ts'
import { exitRequest, shouldRestart } from './exit-policy.ts'
import { GuestSupervisor } from './guest-supervisor.ts'
import type { MachineStateKeeper } from './machine-state.ts'
import type { Runtime } from './runtime.ts'

/** What a machine needs to know of its app and of its host. */
export type Surroundings = {
  /** The app's secrets that a boot gets now. */
  secrets: () => Record<string, SecretRecord>
  /** Whether the host has the memory that this record asks for. */
  hasRoom: (record: MachineRecord) => boolean
  /** The machine gives up its volume, after some milliseconds. */
  released: (afterMs: number) => void
}

export class MachineOperations {
  /** When the machine started or last finished a request, in milliseconds since 1970. Autostop reads it. */
  lastActive: number
  readonly #runtime: Runtime
  readonly #keeper: MachineStateKeeper
  readonly #surroundings: Surroundings
  readonly #supervisor: GuestSupervisor
  #startAfterSuspend = false

  constructor(runtime: Runtime, keeper: MachineStateKeeper, surroundings: Surroundings) {
    this.#runtime = runtime
    this.#keeper = keeper
    this.#surroundings = surroundings
    this.lastActive = runtime.now()
    this.#supervisor = new GuestSupervisor(runtime, keeper.record, {
      onExit: (exit) => this.inBackground(this.#exited(exit)),
      onCheck: () => keeper.changed(),
    })
  }

  /** The running or suspended program, if there is one. */
  get guest(): Guest | undefined {
    return this.#supervisor.guest
  }

  /** Runs an operation without waiting for it. A failure is logged. */
  inBackground(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#runtime.log(`machine ${this.#keeper.record.id}: ${String(error)}`))
  }

  /** From `created` on: pulls the image, then boots, or rests in `stopped` with `skip_launch`. */
  async launch(operation: number): Promise<void> {
    await this.#runtime.sleep(this.#runtime.timings.pullMs)
    if (!this.#keeper.isCurrent(operation)) return
    const { config, skipLaunch } = this.#keeper.record
    if (!skipLaunch) return this.boot(operation, 'flyd')
    if (this.#runtime.host.canPull(config.image)) this.#keeper.transition('stopped', 'launch', 'flyd')
    else this.#failPull()
  }

  async boot(operation: number, source: EventSource): Promise<void> {
    const { record } = this.#keeper
    if (!this.#runtime.host.canPull(record.config.image)) return this.#failPull()
    record.checks = []
    this.#keeper.transition('starting', 'start', source)
    await this.#runtime.sleep(this.#runtime.timings.bootMs)
    if (!this.#keeper.isCurrent(operation)) return
    const crash = this.#runtime.faults.bootCrash(record)
    try {
      this.#supervisor.supervise(
        crash === undefined
          ? this.#runtime.host.boot({
              ...bootSpec(record, this.#surroundings.secrets()),
              flyApi: this.#runtime.ownApi(record),
              print: (line) => this.#runtime.logs.append(record, 'app', line),
            })
          : crashedGuest(crash),
      )
    } catch (error) {
      const message = `could not start: ${String(error)}`
      return this.#keeper.transition('failed', 'launch', 'flyd', { message })
    }
    this.#started()
  }

  #failPull(): void {
    const { record } = this.#keeper
    this.#runtime.log(`machine ${record.id}: unable to pull image ${record.config.image}`)
    this.#keeper.transition('failed', 'launch', 'flyd', { message: 'unable to pull image, canceling deploy' })
  }

  #started(): void {
    this.lastActive = this.#runtime.now()
    this.#keeper.transition('started', 'start', 'flyd')
    this.#runtime.logs.append(this.#keeper.record, 'runner', 'Machine started')
    this.#supervisor.startChecks()
  }

  /** The program ended by itself, with or without an error. The restart policy decides what follows. */
  async #exited(exit: GuestExit): Promise<void> {
    const { record } = this.#keeper
    this.#runtime.logs.append(record, 'runner', `Main child exited with code: ${exit.exitCode}`)
    if (exit.oomKilled) this.#runtime.logs.append(record, 'runner', 'Process killed: out of memory', 'error')
    const operation = this.#keeper.begin()
    const restarting = record.state === 'started' && shouldRestart(record.config, exit, record.restartCount)
    const request = this.#exitRequest(exit, false, restarting)
    this.#keeper.transition(restarting ? 'restarting' : 'stopped', 'exit', 'flyd', request)
    if (record.config.auto_destroy === true) return this.destroy('flyd')
    if (!restarting) return
    await this.#runtime.sleep(this.#runtime.timings.restartMs)
    if (!this.#keeper.isCurrent(operation)) return
    record.restartCount++
    this.#keeper.transition('restarting', 'restart', 'flyd', { restart_count: record.restartCount })
    return this.boot(operation, 'flyd')
  }

  /** @param ran whether the machine was started; otherwise there is at most a snapshot, which is dropped */
  async stop(operation: number, ran: boolean, signal?: string, timeoutMs?: number): Promise<void> {
    const shortest = this.#runtime.sleep(this.#runtime.timings.stopMs)
    if (!ran) this.drop()
    const exit = await this.#supervisor.end(signal, timeoutMs)
    await shortest
    if (!this.#keeper.isCurrent(operation)) return
    if (exit === undefined) return this.#keeper.transition('stopped', 'stop', 'flyd')
    this.#keeper.transition('stopped', 'exit', 'flyd', this.#exitRequest(exit, true, false))
    if (this.#keeper.record.config.auto_destroy === true) await this.destroy('flyd')
  }

  async suspend(operation: number, source: EventSource): Promise<void> {
    this.#keeper.transition('suspending', 'suspend', source)
    this.#supervisor.suspend()
    await this.#runtime.sleep(this.#runtime.timings.suspendMs)
    if (!this.#keeper.isCurrent(operation)) return
    this.#keeper.transition('suspended', 'suspend', 'flyd')
    if (!this.#startAfterSuspend) return
    this.#startAfterSuspend = false
    await this.resume(this.#keeper.begin(), 'user')
  }

  /** Remembers a start that came while the machine was suspending. */
  startAfterSuspend(): void {
    this.#startAfterSuspend = true
  }

  async resume(operation: number, source: EventSource): Promise<void> {
    this.#keeper.record.restartCount = 0
    this.#keeper.transition('starting', 'start', source)
    await this.#runtime.sleep(this.#runtime.timings.resumeMs)
    if (!this.#keeper.isCurrent(operation)) return
    this.guest?.resume()
    this.#started()
  }

  async restart(operation: number, signal?: string, timeoutMs?: number): Promise<void> {
    if (await this.#endForNext(operation, 'restarting', signal, timeoutMs)) await this.boot(operation, 'flyd')
  }

  /** Ends the old version's program and boots the new version, or rests in `stopped` with `skip_launch`. */
  async replace(operation: number, skipLaunch: boolean): Promise<void> {
    if (!(await this.#endForNext(operation, 'replacing'))) return
    await this.#runtime.sleep(this.#runtime.timings.pullMs)
    if (!this.#keeper.isCurrent(operation)) return
    if (skipLaunch) this.#keeper.transition('stopped', 'update', 'flyd')
    else await this.boot(operation, 'flyd')
  }

  /** Ends the program so that the next one can boot. False when a newer operation has begun meanwhile. */
  async #endForNext(
    operation: number,
    state: MachineState,
    signal?: string,
    timeoutMs?: number,
  ): Promise<boolean> {
    const exit = await this.#supervisor.end(signal, timeoutMs)
    if (!this.#keeper.isCurrent(operation)) return false
    if (exit !== undefined)
      this.#keeper.transition(state, 'exit', 'flyd', this.#exitRequest(exit, true, true))
    return true
  }

  /** Settles when the machine is destroyed. */
  async destroy(source: EventSource): Promise<void> {
    this.#keeper.begin()
    this.#keeper.transition('destroying', 'destroy', source)
    this.drop()
    await this.#runtime.sleep(this.#runtime.timings.destroyMs)
    const { record } = this.#keeper
    delete record.lease
    this.#runtime.host.discardRoot(record.id)
    this.#surroundings.released(this.#runtime.faults.detachDelay(record))
    this.#keeper.transition('destroyed', 'destroy', 'flyd')
  }

  /** Kills the program or drops its snapshot. */
  drop(): void {
    this.#startAfterSuspend = false
    this.#supervisor.drop()
  }

  outOfMemory(): void {
    this.#supervisor.outOfMemory()
  }

  /** The emulator closes: nothing that happens to the program from now on is recorded. */
  abandon(): void {
    this.#keeper.begin()
    this.#supervisor.abandon()
  }

  #exitRequest(exit: GuestExit, requestedStop: boolean, restarting: boolean): Record<string, unknown> {
    const { restartCount } = this.#keeper.record
    return exitRequest(exit, { requestedStop, restarting, restartCount, at: this.#runtime.now() })
  }
}
