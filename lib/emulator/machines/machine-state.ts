// The record of one machine and every way to change it. Each change of state adds an event, is stored, and notifies the
// listeners.

import type { EventSource, EventType, MachineEvent, MachineRecord, MachineState } from '../store/records.ts'
import type { Runtime } from './runtime.ts'

/** Events kept for each machine. `GET /events` shows at most 50. */
const KEPT_EVENTS = 100

export class MachineStateKeeper {
  readonly record: MachineRecord
  readonly #runtime: Runtime
  readonly #listeners = new Set<() => void>()
  #operation = 0

  constructor(runtime: Runtime, record: MachineRecord) {
    this.#runtime = runtime
    this.record = record
  }

  get state(): MachineState {
    return this.record.state
  }

  /** Starts a new operation. Slow parts of older operations see that they are no longer current, and end. */
  begin(): number {
    return ++this.#operation
  }

  isCurrent(operation: number): boolean {
    return operation === this.#operation
  }

  /** Calls `listener` after each change of the record. The result ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Sets the state and adds an event for it. */
  transition(
    state: MachineState,
    type: EventType,
    source: EventSource,
    request?: Record<string, unknown>,
  ): void {
    this.record.state = state
    this.record.updatedAt = this.addEvent(state, type, source, request)
    this.changed()
  }

  /** Adds an event without a change of state. @returns its time */
  addEvent(
    status: MachineEvent['status'],
    type: EventType,
    source: EventSource,
    request?: Record<string, unknown>,
  ): number {
    const { events } = this.record
    const timestamp = this.#runtime.now()
    const event = { id: this.#runtime.ulid(), type, status, source, timestamp }
    events.unshift(request === undefined ? event : { ...event, request })
    events.length = Math.min(events.length, KEPT_EVENTS)
    return timestamp
  }

  /** Stores a change of the record that is no change of state, such as metadata. */
  touched(): void {
    this.record.updatedAt = this.#runtime.now()
    this.changed()
  }

  /** Stores the record and wakes the waits. */
  changed(): void {
    this.#runtime.journal.machine(this.record)
    for (const listener of this.#listeners) listener()
  }
}
