// One machine's life: the state machine of fly.md §3, driving a guest. Every change of state goes through `#to`, which
// records the event, has it kept and wakes whoever waits. A verb changes the state before it returns and does the slow
// part in the background; `#epoch` makes slow parts that a newer verb has overtaken stand down.

import { bootSpec } from './boot-spec.ts'
import { crashedGuest } from '../guests/crashed-guest.ts'
import { exitRequest, shouldRestart } from './exit-policy.ts'
import { FlyError } from '../shared/fly-error.ts'
import { GuestKeeper } from './guest-keeper.ts'
import type { Guest, GuestExit } from '../guests/host.ts'
import { canSuspend } from '../config/machine-config.ts'
import type { MachineConfig } from '../config/machine-config.ts'
import type {
  EventSource,
  EventType,
  ImageRef,
  MachineRecord,
  MachineState,
  SecretRecord,
} from '../store/records.ts'
import type { World } from './context.ts'

/** Events kept for each machine; `GET /events` shows at most 50. */
const KEPT_EVENTS = 100
/** Versions kept for each machine. */
const KEPT_VERSIONS = 50

const refuse = (verb: string, state: MachineState): FlyError =>
  new FlyError(412, `failed_precondition: unable to ${verb} machine from current state: '${state}'`)

export class MachineRunner {
  readonly record: MachineRecord
  /** Requests the proxy has under way here. */
  inFlight = 0
  /** When the machine came to run or last ended a request, in milliseconds since 1970; for autostop. */
  lastActive: number
  readonly #world: World
  readonly #secrets: () => Record<string, SecretRecord>
  readonly #keeper: GuestKeeper
  readonly #listeners = new Set<() => void>()
  #epoch = 0
  #startAfterSuspend = false

  /** @param secrets of its app, as they are when it boots */
  constructor(world: World, record: MachineRecord, secrets: () => Record<string, SecretRecord>) {
    this.#world = world
    this.#secrets = secrets
    this.record = record
    this.#keeper = new GuestKeeper(world, record, {
      onExit: (exit) => this.#background(this.#crashed(exit)),
      onCheck: () => this.#changed(),
    })
    this.lastActive = world.now()
  }

  get state(): MachineState {
    return this.record.state
  }

  /** The running or suspended program, if there is one. */
  get guest(): Guest | undefined {
    return this.#keeper.guest
  }

  get isGone(): boolean {
    return this.state === 'destroying' || this.state === 'destroyed'
  }

  /** Calls `listener` after each change of state or check; the result ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Keeps a change of the record that is no change of state, such as metadata. */
  touched(): void {
    this.record.updatedAt = this.#world.now()
    this.#changed()
  }

  /** A new machine: `created`, then on to `started`, or to `stopped` with skip_launch. */
  create(): void {
    this.#to('created', 'launch', 'user')
    this.#background(this.#launch(++this.#epoch))
  }

  /**
   * @returns the state before. Starting a started machine changes nothing.
   * @throws FlyError 412 with the texts of fly.md §2.3
   */
  start(source: EventSource): MachineState {
    const previous = this.state
    switch (previous) {
      case 'started':
        return previous
      case 'suspending':
        this.#startAfterSuspend = true
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
      case 'stopped':
      case 'failed':
      case 'suspended': {
        this.record.restartCount = 0
        const epoch = ++this.#epoch
        this.#background(previous === 'suspended' ? this.#resume(epoch, source) : this.#boot(epoch, source))
        return previous
      }
    }
  }

  /** @param timeoutMs how long the program has before it is killed; undefined takes the default */
  stop(source: EventSource, signal?: string, timeoutMs?: number): void {
    if (this.state === 'stopped' || this.state === 'stopping') return
    if (['created', 'replacing', 'suspending', 'destroying', 'destroyed'].includes(this.state)) {
      throw refuse('stop', this.state)
    }
    const epoch = ++this.#epoch
    const ran = this.state === 'started'
    this.#to('stopping', 'stop', source)
    this.#background(this.#halt(epoch, ran, signal, timeoutMs))
  }

  /** @throws FlyError 412 when it is not started, or has swap or a schedule */
  suspend(source: EventSource): void {
    if (this.state === 'suspended' || this.state === 'suspending') return
    if (this.state !== 'started') throw refuse('suspend', this.state)
    if (!canSuspend(this.record.config)) {
      throw new FlyError(412, 'failed_precondition: machines with swap or a schedule cannot be suspended')
    }
    this.#background(this.#freeze(++this.#epoch, source))
  }

  restart(
    source: EventSource,
    options: { signal?: string | undefined; timeoutMs?: number | undefined; force: boolean },
  ): void {
    if (!['started', 'stopped', 'suspended', 'failed'].includes(this.state))
      throw refuse('restart', this.state)
    this.record.restartCount = 0
    const epoch = ++this.#epoch
    this.#to('restarting', 'restart', source)
    this.#background(this.#reboot(epoch, options.signal, options.force ? 0 : options.timeoutMs))
  }

  /** Replaces the config by a new version. A machine that was not started stays stopped (fly.md §2.2). */
  update(config: MachineConfig, imageRef: ImageRef, skipLaunch: boolean): void {
    const { record } = this
    if (this.isGone) throw refuse('update', this.state)
    if (!['started', 'stopped', 'suspended', 'failed'].includes(this.state)) {
      throw new FlyError(409, 'aborted: machine update failed due to concurrent update')
    }
    const epoch = ++this.#epoch
    record.version = this.#world.ulid()
    Object.assign(record, { config, imageRef, restartCount: 0 })
    record.versions.unshift({ version: record.version, config, imageRef })
    record.versions.length = Math.min(record.versions.length, KEPT_VERSIONS)
    if (this.state === 'started') {
      this.#to('replacing', 'update', 'user')
      this.#background(this.#replace(epoch, skipLaunch))
      return
    }
    this.#drop()
    this.#to('stopped', 'update', 'user', {
      message: 'machine was in a non-started state prior to the update so leaving the new version stopped',
    })
  }

  /** Kills what runs. Who may destroy in which state is the caller's to check. Settles when destroyed. */
  async destroy(source: EventSource): Promise<void> {
    if (this.state === 'destroyed') return
    this.#epoch++
    this.#to('destroying', 'destroy', source)
    this.#drop()
    await this.#world.sleep(this.#world.timings.destroyMs)
    delete this.record.lease
    this.#to('destroyed', 'destroy', 'flyd')
  }

  /** Sends a signal to the running program. SIGKILL ends it, and the restart policy decides what follows. */
  signal(name: string): void {
    if (this.state !== 'started' || this.guest === undefined) throw refuse('signal', this.state)
    if (name === 'SIGKILL') this.guest.kill()
    else this.guest.signal(name)
  }

  /** Ends the program as the kernel does when memory runs out. */
  outOfMemory(): void {
    this.#keeper.outOfMemory()
  }

  /**
   * The emulator came back, as after a reboot of the physical host: memory is gone, so snapshots are too, and whatever
   * ran is to be booted again by {@link MachineRunner.recover}.
   */
  lostMemory(): void {
    if (['starting', 'started', 'restarting', 'replacing'].includes(this.state)) {
      this.#to('restarting', 'restart', 'flyd', { message: 'the host was rebooted' })
    } else if (['stopping', 'suspending', 'suspended'].includes(this.state)) {
      this.#to('stopped', 'stop', 'flyd', { message: 'the host was rebooted' })
    }
  }

  /** Goes on with what the reboot broke off. Settles when the machine rests. */
  async recover(): Promise<void> {
    if (this.state === 'created') return this.#launch(++this.#epoch)
    if (this.state === 'restarting') return this.#boot(++this.#epoch, 'flyd')
    if (this.state === 'destroying') return this.destroy('flyd')
  }

  /** Ends the program without a trace in the record: the emulator itself is going. */
  abandon(): void {
    this.#epoch++
    this.#keeper.abandon()
  }

  async #launch(epoch: number): Promise<void> {
    await this.#world.sleep(this.#world.timings.pullMs)
    if (epoch !== this.#epoch) return
    if (!this.record.skipLaunch) return this.#boot(epoch, 'flyd')
    if (this.#world.host.canPull(this.record.config.image)) this.#to('stopped', 'launch', 'flyd')
    else this.#failPull()
  }

  async #boot(epoch: number, source: EventSource): Promise<void> {
    const { record } = this
    if (!this.#world.host.canPull(record.config.image)) return this.#failPull()
    record.checks = []
    this.#to('starting', 'start', source)
    await this.#world.sleep(this.#world.timings.bootMs)
    if (epoch !== this.#epoch) return
    const crash = this.#world.faults.bootCrash(record)
    try {
      this.#keeper.keep(
        crash === undefined ? this.#world.host.boot(bootSpec(record, this.#secrets())) : crashedGuest(crash),
      )
    } catch (error) {
      return this.#to('failed', 'launch', 'flyd', { message: `could not start: ${String(error)}` })
    }
    this.#started()
  }

  #failPull(): void {
    this.#world.log(`machine ${this.record.id}: unable to pull image ${this.record.config.image}`)
    this.#to('failed', 'launch', 'flyd', { message: 'unable to pull image, canceling deploy' })
  }

  #started(): void {
    this.lastActive = this.#world.now()
    this.#to('started', 'start', 'flyd')
    this.#keeper.startChecks()
  }

  /** The program ended by itself, with or without an error. */
  async #crashed(exit: GuestExit): Promise<void> {
    const { record } = this
    const epoch = ++this.#epoch
    const restarting = this.state === 'started' && shouldRestart(record.config, exit, record.restartCount)
    this.#to(
      restarting ? 'restarting' : 'stopped',
      'exit',
      'flyd',
      this.#exitRequest(exit, false, restarting),
    )
    if (record.config.auto_destroy === true) return this.destroy('flyd')
    if (!restarting) return
    await this.#world.sleep(this.#world.timings.restartMs)
    if (epoch !== this.#epoch) return
    record.restartCount++
    this.#to('restarting', 'restart', 'flyd', { restart_count: record.restartCount })
    return this.#boot(epoch, 'flyd')
  }

  async #halt(epoch: number, ran: boolean, signal?: string, timeoutMs?: number): Promise<void> {
    const least = this.#world.sleep(this.#world.timings.stopMs)
    if (!ran) this.#drop()
    const exit = await this.#keeper.end(signal, timeoutMs)
    await least
    if (epoch !== this.#epoch) return
    if (exit === undefined) this.#to('stopped', 'stop', 'flyd')
    else this.#to('stopped', 'exit', 'flyd', this.#exitRequest(exit, true, false))
    if (exit !== undefined && this.record.config.auto_destroy === true) await this.destroy('flyd')
  }

  async #freeze(epoch: number, source: EventSource): Promise<void> {
    this.#to('suspending', 'suspend', source)
    this.#keeper.suspend()
    await this.#world.sleep(this.#world.timings.suspendMs)
    if (epoch !== this.#epoch) return
    this.#to('suspended', 'suspend', 'flyd')
    if (!this.#startAfterSuspend) return
    this.#startAfterSuspend = false
    this.start('user')
  }

  async #resume(epoch: number, source: EventSource): Promise<void> {
    this.#to('starting', 'start', source)
    await this.#world.sleep(this.#world.timings.resumeMs)
    if (epoch !== this.#epoch) return
    this.guest?.resume()
    this.#started()
  }

  async #reboot(epoch: number, signal?: string, timeoutMs?: number): Promise<void> {
    if (await this.#endForNext(epoch, 'restarting', signal, timeoutMs)) await this.#boot(epoch, 'flyd')
  }

  async #replace(epoch: number, skipLaunch: boolean): Promise<void> {
    if (!(await this.#endForNext(epoch, 'replacing'))) return
    await this.#world.sleep(this.#world.timings.pullMs)
    if (epoch !== this.#epoch) return
    if (skipLaunch) this.#to('stopped', 'update', 'flyd')
    else await this.#boot(epoch, 'flyd')
  }

  /** Ends the program to make room for its successor. False when something newer has taken over meanwhile. */
  async #endForNext(
    epoch: number,
    state: MachineState,
    signal?: string,
    timeoutMs?: number,
  ): Promise<boolean> {
    const exit = await this.#keeper.end(signal, timeoutMs)
    if (epoch !== this.#epoch) return false
    if (exit !== undefined) this.#to(state, 'exit', 'flyd', this.#exitRequest(exit, true, true))
    return true
  }

  /** Ends the program, or drops its snapshot, without ceremony. */
  #drop(): void {
    this.#startAfterSuspend = false
    this.#keeper.drop()
  }

  #exitRequest(exit: GuestExit, requestedStop: boolean, restarting: boolean): Record<string, unknown> {
    const at = this.#world.now()
    return exitRequest(exit, { requestedStop, restarting, restartCount: this.record.restartCount, at })
  }

  #to(state: MachineState, type: EventType, source: EventSource, request?: Record<string, unknown>): void {
    const { record } = this
    const timestamp = this.#world.now()
    const event = { id: this.#world.ulid(), type, status: state, source, timestamp }
    record.events.unshift(request === undefined ? event : { ...event, request })
    record.events.length = Math.min(record.events.length, KEPT_EVENTS)
    record.state = state
    record.updatedAt = timestamp
    this.#changed()
  }

  #changed(): void {
    this.#world.journal.machine(this.record)
    for (const listener of this.#listeners) listener()
  }

  #background(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#world.log(`machine ${this.record.id}: ${String(error)}`))
  }
}
