// Machines: making, finding, moving between states, waiting and removing them. Each verb is one call to Fly; loops,
// deadlines and what to do about a doubtful write belong to the caller.

import { FlyError, isAnswer } from './errors.ts'
import type { CallOptions, Requester } from './request.ts'
import * as shapes from './shapes.ts'
import type {
  CreateMachineInput,
  Machine,
  MachineEvent,
  StartAnswer,
  StopMachineInput,
  UpdateMachineInput,
} from './shapes.ts'

/** `settled` is any state in which a machine rests (fly.md §3). */
export type WaitState = 'started' | 'stopped' | 'suspended' | 'destroyed' | 'failed' | 'settled'

export type WaitInput = {
  /** Any of these will do. */
  states: readonly WaitState[]
  /** How long Fly waits before it answers "not yet": a whole number from 1 to 60. */
  timeoutSeconds: number
  /** Waits on this version of the machine, not on an earlier one that may still be in the state. */
  version?: string
}

export type WaitOutcome =
  | { reached: true; state: string; version?: string; eventId?: string }
  | { reached: false }

export type ListMachinesInput = {
  /** All of these pairs must match exactly. */
  metadata?: Record<string, string>
  state?: readonly string[]
  region?: string
  /** Leaves out config, checks, events and host_status. */
  summary?: boolean
  includeDeleted?: boolean
  /** 1–1000, default 1000. */
  pageSize?: number
}

/** Placing a machine blocks the answer: 17 s have been seen, and an update may reboot as well (fly.md §2.2). */
const PLACE_TIMEOUT_MS = 40_000
/** A fetch that gives up together with Fly would miss the 408 (fly.md §11). */
const WAIT_GRACE_MS = 10_000

/** Verbs about machines; all throw {@link FlyError}. */
export function machineVerbs(request: Requester) {
  const machinesOf = (app: string) => ['v1', 'apps', app, 'machines']
  const pathOf = (app: string, id: string) => [...machinesOf(app), id]

  /** Pages as Fly cuts them; one may be empty although more follow (fly.md §2.2). */
  async function* listMachinePages(
    app: string,
    input: ListMachinesInput = {},
    options: CallOptions = {},
  ): AsyncGenerator<Machine[], void, undefined> {
    const filters = listQuery(input)
    let cursor: string | undefined
    do {
      const query = cursor === undefined ? filters : [...filters, ['cursor', cursor] as const]
      const page = await request({
        action: 'list_machines',
        method: 'GET',
        path: machinesOf(app),
        app,
        query,
        read: shapes.machines,
        options,
      })
      yield page.body
      if (page.cursor !== undefined && page.cursor === cursor) {
        throw new FlyError('list_machines: Fly sent the same cursor twice', {
          action: 'list_machines',
          code: 'malformed_answer',
          status: 200,
          retryable: true,
          applied: 'no',
        })
      }
      cursor = page.cursor
    } while (cursor !== undefined)
  }

  return {
    listMachinePages,

    /** All machines that match. Right after a write the list may be stale: absence proves nothing (fly.md §11.5). */
    async listMachines(
      app: string,
      input: ListMachinesInput = {},
      options: CallOptions = {},
    ): Promise<Machine[]> {
      const all: Machine[] = []
      for await (const page of listMachinePages(app, input, options)) all.push(...page)
      return all
    },

    /**
     * Creates a machine. Not idempotent: after an error with `applied: 'unknown'`, look for it by name or metadata
     * before creating again. `name_taken` carries `existingMachineId` (fly.md §2.2).
     */
    async createMachine(app: string, input: CreateMachineInput, options: CallOptions = {}): Promise<Machine> {
      const { body } = await request({
        action: 'create_machine',
        method: 'POST',
        path: machinesOf(app),
        app,
        body: input,
        read: shapes.machine,
        timeoutMs: PLACE_TIMEOUT_MS,
        options,
      })
      return body
    },

    /** A machine destroyed lately is still found, as `destroyed`; straight after create a 404 is lag (fly.md §2.2, §11.1). */
    async getMachine(app: string, id: string, options: CallOptions = {}): Promise<Machine> {
      const { body } = await request({
        action: 'get_machine',
        method: 'GET',
        path: pathOf(app, id),
        app,
        read: shapes.machine,
        options,
      })
      return body
    },

    /**
     * Replaces the whole config; name and region stay. With `currentVersion`, fails with `version_mismatch` when the
     * machine has changed since. A machine that is not started stays so (fly.md §2.2).
     */
    async updateMachine(
      app: string,
      id: string,
      input: UpdateMachineInput,
      options: CallOptions & { currentVersion?: string } = {},
    ): Promise<Machine> {
      const { currentVersion } = options
      const { body } = await request({
        action: 'update_machine',
        method: 'POST',
        path: pathOf(app, id),
        app,
        body: currentVersion === undefined ? input : { ...input, current_version: currentVersion },
        read: shapes.machine,
        timeoutMs: PLACE_TIMEOUT_MS,
        options,
      })
      return body
    },

    /** `wrong_state` for a machine that is not at rest, `insufficient_capacity` when its host is full (fly.md §2.3). */
    async startMachine(app: string, id: string, options: CallOptions = {}): Promise<StartAnswer> {
      const { body } = await request({
        action: 'start_machine',
        method: 'POST',
        path: [...pathOf(app, id), 'start'],
        app,
        read: shapes.startAnswer,
        options,
      })
      return body
    },

    /** Asks for a stop and returns before it is done. `timeout` is a Go duration, "10s" (fly.md §2.3). */
    async stopMachine(
      app: string,
      id: string,
      input: StopMachineInput = {},
      options: CallOptions = {},
    ): Promise<void> {
      await request({
        action: 'stop_machine',
        method: 'POST',
        path: [...pathOf(app, id), 'stop'],
        app,
        body: input,
        options,
      })
    },

    /** Asks for a suspend and returns before it is done. Advised up to 2 GB of memory only (fly.md §4.5). */
    async suspendMachine(app: string, id: string, options: CallOptions = {}): Promise<void> {
      await request({
        action: 'suspend_machine',
        method: 'POST',
        path: [...pathOf(app, id), 'suspend'],
        app,
        options,
      })
    },

    /** Restarts a started machine. `timeoutSeconds` is what the program gets to stop in; `force` does not ask it. */
    async restartMachine(
      app: string,
      id: string,
      { timeoutSeconds, force }: { timeoutSeconds?: number; force?: boolean } = {},
      options: CallOptions = {},
    ): Promise<void> {
      const query: [string, string][] = []
      if (timeoutSeconds !== undefined) query.push(['timeout', `${timeoutSeconds}s`])
      if (force !== undefined) query.push(['force_stop', String(force)])
      await request({
        action: 'restart_machine',
        method: 'POST',
        path: [...pathOf(app, id), 'restart'],
        app,
        query,
        options,
      })
    },

    /**
     * Waits until the machine is in one of the states, for as long as one call may. Not there yet (Fly's 408) is an
     * ordinary outcome: call again until your own deadline. A 404 is done when only `destroyed` was waited for, and
     * otherwise an error, which straight after create is lag (fly.md §2.3, §11).
     *
     * @throws {RangeError} for no states, for `timeoutSeconds` outside 1–60, and for a `timeoutMs` that would cut the wait.
     */
    async waitForMachine(
      app: string,
      id: string,
      { states, timeoutSeconds, version }: WaitInput,
      options: CallOptions = {},
    ): Promise<WaitOutcome> {
      const [first] = states
      if (first === undefined) throw new RangeError('wait for at least one state')
      if (!Number.isInteger(timeoutSeconds) || timeoutSeconds < 1 || timeoutSeconds > 60) {
        throw new RangeError(`timeoutSeconds must be a whole number from 1 to 60, not ${timeoutSeconds}`)
      }
      if (options.timeoutMs !== undefined && options.timeoutMs <= timeoutSeconds * 1000) {
        throw new RangeError('timeoutMs must be longer than timeoutSeconds')
      }
      const query: [string, string][] = states.map((state) => ['state', state])
      query.push(['timeout', String(timeoutSeconds)])
      if (version !== undefined) query.push(['version', version])
      try {
        const { body } = await request({
          action: 'wait_machine',
          method: 'GET',
          path: [...pathOf(app, id), 'wait'],
          app,
          query,
          read: shapes.waitAnswer,
          timeoutMs: timeoutSeconds * 1000 + WAIT_GRACE_MS,
          options,
        })
        return {
          reached: true,
          state: body.state,
          ...(body.version !== undefined && { version: body.version }),
          ...(body.event_id !== undefined && { eventId: body.event_id }),
        }
      } catch (error) {
        if (isAnswer(error, 408)) return { reached: false }
        const wantedGone = states.every((state) => state === 'destroyed')
        if (wantedGone && isAnswer(error, 404)) return { reached: true, state: 'destroyed' }
        throw error
      }
    },

    /**
     * Removes a machine; its volume stays. `found: false` means that Fly no longer knows it, which is as good. Without
     * `force`, a machine that is not at rest is `wrong_state` (fly.md §2.2).
     */
    async destroyMachine(
      app: string,
      id: string,
      { force }: { force?: boolean } = {},
      options: CallOptions = {},
    ): Promise<{ found: boolean }> {
      try {
        await request({
          action: 'destroy_machine',
          method: 'DELETE',
          path: pathOf(app, id),
          app,
          query: force === undefined ? [] : [['force', String(force)]],
          options,
        })
        return { found: true }
      } catch (error) {
        if (isAnswer(error, 404)) return { found: false }
        throw error
      }
    },

    /** The machine's latest events, newest first. `limit` is 1–50, 20 when absent (fly.md §2.5). */
    async listEvents(
      app: string,
      id: string,
      { limit }: { limit?: number } = {},
      options: CallOptions = {},
    ): Promise<MachineEvent[]> {
      const { body } = await request({
        action: 'list_events',
        method: 'GET',
        path: [...pathOf(app, id), 'events'],
        app,
        query: limit === undefined ? [] : [['limit', String(limit)]],
        read: shapes.events,
        options,
      })
      return body
    },
  }
}

function listQuery(input: ListMachinesInput): (readonly [string, string])[] {
  const query: [string, string][] = [['limit', String(input.pageSize ?? 1000)]]
  for (const [key, value] of Object.entries(input.metadata ?? {})) query.push([`metadata.${key}`, value])
  if (input.state !== undefined) query.push(['state', input.state.join(',')])
  if (input.region !== undefined) query.push(['region', input.region])
  if (input.summary !== undefined) query.push(['summary', String(input.summary)])
  if (input.includeDeleted !== undefined) query.push(['include_deleted', String(input.includeDeleted)])
  return query
}
