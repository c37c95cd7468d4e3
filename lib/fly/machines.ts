// Machines: create, find, update and destroy them. Each method is one call to Fly; deadlines, and recovery from a write
// whose result is unknown, belong to the caller.

import { FlyError, isAnswer } from './errors.ts'
import type { CallOptions, FlyAnswer, Requester } from './request.ts'
import * as shapes from './shapes.ts'
import type { CreateMachineInput, Machine, MachineEvent, UpdateMachineInput } from './shapes.ts'

export type ListMachinesInput = {
  /** Key-value pairs that must all match exactly. */
  metadata?: Record<string, string>
  state?: readonly string[]
  region?: string
  /** Omits config, checks, events and host_status. */
  summary?: boolean
  includeDeleted?: boolean
  /** From 1 to 1000; default 1000. */
  pageSize?: number
}

/** Fly answers a create or update after it has placed the machine, which took up to 17 s (docs/facts/fly.md §2.2). */
const PLACEMENT_TIMEOUT_MS = 40_000

/** Calls about machines; all throw {@link FlyError}. */
export function machineCalls(request: Requester) {
  const machinesOf = (app: string) => ['v1', 'apps', app, 'machines']
  const pathOf = (app: string, id: string) => [...machinesOf(app), id]

  /** The pages of a list. A page may be empty although more follow (docs/facts/fly.md §2.2). */
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

  const getDatedMachine = (app: string, id: string, options: CallOptions = {}): Promise<FlyAnswer<Machine>> =>
    request({
      action: 'get_machine',
      method: 'GET',
      path: pathOf(app, id),
      app,
      read: shapes.machine,
      options,
    })

  return {
    listMachinePages,

    /** All matching machines. The list may lag behind writes, so absence proves nothing (docs/facts/fly.md §11.5). */
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
     * Creates a machine. Not idempotent: after an error with `applied: 'unknown'`, look for the machine by name or
     * metadata before the next create. `name_taken` carries `existingMachineId` (docs/facts/fly.md §2.2).
     */
    async createMachine(app: string, input: CreateMachineInput, options: CallOptions = {}): Promise<Machine> {
      const { body } = await request({
        action: 'create_machine',
        method: 'POST',
        path: machinesOf(app),
        app,
        body: input,
        read: shapes.machine,
        timeoutMs: PLACEMENT_TIMEOUT_MS,
        options,
      })
      return body
    },

    /** Also returns recently destroyed machines. A 404 right after create is lag (docs/facts/fly.md §2.2, §11.1). */
    async getMachine(app: string, id: string, options: CallOptions = {}): Promise<Machine> {
      return (await getDatedMachine(app, id, options)).body
    },

    /** As `getMachine`, and when Fly answered by its own clock. */
    getDatedMachine,

    /**
     * Replaces the whole config; name and region stay. With `currentVersion`, throws `version_mismatch` when the
     * machine has changed since. A machine that is not started stays that way (docs/facts/fly.md §2.2).
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
        timeoutMs: PLACEMENT_TIMEOUT_MS,
        options,
      })
      return body
    },

    /**
     * Destroys a machine; its volume stays. `found: false`: Fly no longer knows the machine. Without `force`, throws
     * `wrong_state` for a machine that is not in a settled state (docs/facts/fly.md §2.2).
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

    /** The machine's newest events, newest first. `limit` is 1 to 50, default 20 (docs/facts/fly.md §2.5). */
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
