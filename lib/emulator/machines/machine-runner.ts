// One machine as the API drives it: the verbs of the state machine in docs/facts/fly.md §3. A verb checks the state,
// changes it before it returns, and leaves the slow part to machine-operations.ts.

import { canSuspend, rootPersistence } from '../config/machine-config.ts'
import type { MachineConfig } from '../config/machine-config.ts'
import type { Guest } from '../guests/host.ts'
import { hostFull } from '../faults/fault-errors.ts'
import { FlyError } from '../shared/fly-error.ts'
import type { EventSource, ImageRef, MachineRecord, MachineState } from '../store/records.ts'
import { MachineOperations } from './machine-operations.ts'
import type { Surroundings } from './machine-operations.ts'
import { MachineStateKeeper } from './machine-state.ts'
import type { Runtime } from './runtime.ts'

/** Versions kept for each machine. */
const KEPT_VERSIONS = 50

/** States from which restart and update are accepted. */
const RESTING: MachineState[] = ['started', 'stopped', 'suspended', 'failed']

const refuse = (verb: string, state: MachineState): FlyError =>
  new FlyError(412, `failed_precondition: unable to ${verb} machine from current state: '${state}'`)

export class MachineRunner {
  readonly record: MachineRecord
  /** Requests that the proxy has in flight to this machine. */
  inFlight = 0
  readonly #runtime: Runtime
  readonly #surroundings: Surroundings
  readonly #keeper: MachineStateKeeper
  readonly #operations: MachineOperations

  constructor(runtime: Runtime, record: MachineRecord, surroundings: Surroundings) {
    this.record = record
    this.#runtime = runtime
    this.#surroundings = surroundings
    this.#keeper = new MachineStateKeeper(runtime, record)
    this.#operations = new MachineOperations(runtime, this.#keeper, surroundings)
  }

  get state(): MachineState {
    return this.record.state
  }

  /** The running or suspended program, if there is one. */
  get guest(): Guest | undefined {
    return this.#operations.guest
  }

  /** When the machine started or last finished a request, in milliseconds since 1970. */
  get lastActive(): number {
    return this.#operations.lastActive
  }

  get isGone(): boolean {
    return this.state === 'destroying' || this.state === 'destroyed'
  }

  /** Calls `listener` after each change of state or check. The result ends it. */
  onChange(listener: () => void): () => void {
    return this.#keeper.onChange(listener)
  }

  /** Stores a change of the record that is no change of state, such as metadata. */
  touched(): void {
    this.#keeper.touched()
  }

  /** Notes the end of a request, for autostop. */
  requestEnded(): void {
    this.#operations.lastActive = this.#runtime.now()
  }

  /** A new machine: `created`, then `started`, or `stopped` with `skip_launch`. */
  create(): void {
    this.#keeper.addEvent('pending', 'launch', 'flyd')
    this.#keeper.transition('created', 'launch', 'user')
    this.#run(this.#operations.launch(this.#keeper.begin()))
  }

  /**
   * @returns the state before. Starting a started machine changes nothing.
   * @throws FlyError 412 with the texts of docs/facts/fly.md §2.3; 409 when the host has no room
   */
  start(source: EventSource): MachineState {
    const previous = this.state
    switch (previous) {
      case 'started':
        return previous
      case 'suspending':
        this.#operations.startAfterSuspend()
        return previous
      case 'starting':
      case 'restarting':
        throw new FlyError(412, 'machine still attempting to start')
      case 'replacing':
        throw new FlyError(412, 'failed_precondition: machine getting replaced, refusing to start')
      case 'stopping':
        throw new FlyError(412, 'failed_precondition: machine still active, refusing to start')
      case 'created':
      case 'destroying':
      case 'destroyed':
        throw refuse('start', previous)
      case 'suspended':
        if (!this.#surroundings.hasRoom(this.record)) throw hostFull()
        this.#run(this.#operations.resume(this.#keeper.begin(), source))
        return previous
      case 'stopped':
      case 'failed':
        if (!this.#surroundings.hasRoom(this.record)) throw hostFull()
        this.record.restartCount = 0
        this.#run(this.#operations.boot(this.#keeper.begin(), source))
        return previous
    }
  }

  /** @param timeoutMs how long the program has before it is killed; undefined takes the default */
  stop(source: EventSource, signal?: string, timeoutMs?: number): void {
    if (this.state === 'stopped' || this.state === 'stopping') return
    if (['created', 'replacing', 'suspending', 'destroying', 'destroyed'].includes(this.state)) {
      throw refuse('stop', this.state)
    }
    const operation = this.#keeper.begin()
    const ran = this.state === 'started'
    this.#keeper.transition('stopping', 'stop', source)
    this.#run(this.#operations.stop(operation, ran, signal, timeoutMs))
  }

  /** @throws FlyError 412 when it is not started, or has swap or a schedule */
  suspend(source: EventSource): void {
    if (this.state === 'suspended' || this.state === 'suspending') return
    if (this.state !== 'started') throw refuse('suspend', this.state)
    if (!canSuspend(this.record.config)) {
      throw new FlyError(412, 'failed_precondition: machines with swap or a schedule cannot be suspended')
    }
    this.#run(this.#operations.suspend(this.#keeper.begin(), source))
  }

  restart(
    source: EventSource,
    options: { signal?: string | undefined; timeoutMs?: number | undefined; force: boolean },
  ): void {
    if (!RESTING.includes(this.state)) throw refuse('restart', this.state)
    this.record.restartCount = 0
    const operation = this.#keeper.begin()
    this.#keeper.transition('restarting', 'restart', source)
    this.#run(this.#operations.restart(operation, options.signal, options.force ? 0 : options.timeoutMs))
  }

  /** Replaces the config by a new version. A machine that was not started stays stopped (docs/facts/fly.md §2.2). */
  update(config: MachineConfig, imageRef: ImageRef, skipLaunch: boolean): void {
    const { record } = this
    if (this.isGone) throw refuse('update', this.state)
    if (!RESTING.includes(this.state)) {
      throw new FlyError(409, 'aborted: machine update failed due to concurrent update')
    }
    const grows = config.guest.memory_mb > record.config.guest.memory_mb
    if (this.state === 'started' && grows && !this.#surroundings.hasRoom({ ...record, config }))
      throw hostFull()
    const operation = this.#keeper.begin()
    if (config.mounts === undefined || config.mounts.length === 0) this.#surroundings.released(0)
    if (rootPersistence(config) !== 'always') this.#runtime.host.discardRoot(record.id)
    record.version = this.#runtime.ulid()
    Object.assign(record, { config, imageRef, restartCount: 0 })
    record.versions.unshift({ version: record.version, config, imageRef })
    record.versions.length = Math.min(record.versions.length, KEPT_VERSIONS)
    if (this.state === 'started') {
      this.#keeper.transition('replacing', 'update', 'user')
      this.#run(this.#operations.replace(operation, skipLaunch))
      return
    }
    this.#operations.drop()
    this.#keeper.transition('stopped', 'update', 'user', {
      message: 'machine was in a non-started state prior to the update so leaving the new version stopped',
    })
  }

  /** Kills the program. The caller checks in which states that is allowed. Settles when the machine is destroyed. */
  async destroy(source: EventSource): Promise<void> {
    if (this.state !== 'destroyed') await this.#operations.destroy(source)
  }

  /** Sends a signal to the running program. SIGKILL ends it, and the restart policy decides what follows. */
  signal(name: string): void {
    if (this.state !== 'started' || this.guest === undefined) throw refuse('signal', this.state)
    if (name === 'SIGKILL') this.guest.kill()
    else this.guest.signal(name)
  }

  /** Ends the program as the kernel does when memory runs out. */
  outOfMemory(): void {
    this.#operations.outOfMemory()
  }

  /**
   * The emulator restarted, which is like a reboot of the physical host: memory and snapshots are lost. Machines that
   * ran are booted again by {@link MachineRunner.recover}.
   */
  lostMemory(): void {
    const message = 'the host was rebooted'
    if (['starting', 'started', 'restarting', 'replacing'].includes(this.state)) {
      this.#keeper.transition('restarting', 'restart', 'flyd', { message })
    } else if (['stopping', 'suspending', 'suspended'].includes(this.state)) {
      this.#keeper.transition('stopped', 'stop', 'flyd', { message })
    }
  }

  /** Continues what the reboot interrupted. Settles when the machine is in a state that lasts. */
  async recover(): Promise<void> {
    if (this.state === 'created') return this.#operations.launch(this.#keeper.begin())
    if (this.state === 'restarting') return this.#operations.boot(this.#keeper.begin(), 'flyd')
    if (this.state === 'destroying') return this.destroy('flyd')
  }

  /** The emulator closes: the program is ended without a trace in the record. */
  abandon(): void {
    this.#operations.abandon()
  }

  #run(work: Promise<unknown>): void {
    this.#operations.inBackground(work)
  }
}
