// The only writer of `status`: one conditional UPDATE from the statuses that an event allows, which also appends the
// event. No row back means that another process changed the workspace first.
import type { Core, Store } from '../platform/context.ts'
import { and, eq, inArray, type Placeholder, type SQL, sql, type WithSubquery } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { workspaces } from '../../drizzle/schema/index.ts'
import { appendEvent } from '../events/append-event.ts'
import type { EventType, EventPayloads } from '../events/event-types.ts'
import { TRANSITIONS, type WorkspaceEvent } from './lifecycle.ts'
import { type Workspace, workspaceColumns, type WorkspaceRow } from './workspace.ts'

/** What a change needs: the database, the caller for the event, and the caches that it invalidates. */
export type ChangeContext = Pick<Core, 'by' | 'invalidate' | 'db'>

type Changes = { [Column in keyof WorkspaceRow]?: WorkspaceRow[Column] | SQL }

/** The row of an observation. A transition with it cannot change a workspace that has changed since. */
export type Fence = { generation: number; machineId?: string | null }

/** With the event's payload, beside the new status. Never a secret. */
export type TransitionInput<Event extends WorkspaceEvent = WorkspaceEvent> = EventPayloads<Event> & {
  id: string
  event: Event
  now: Date
  /** Written with the status. */
  changes?: Omit<Changes, 'status' | 'statusChangedAt' | 'updatedAt'>
  fence?: Fence
  /** Further conditions, compared in the same statement. */
  where?: SQL | undefined
  /** Further parts of the statement with names of their own, which may read the CTE `moved`. */
  withs?: WithSubquery[]
}

/** @returns the row after the change; undefined when the event does not apply any more */
export async function transition<Event extends WorkspaceEvent>(
  services: ChangeContext,
  input: TransitionInput<Event>,
): Promise<Workspace | undefined> {
  const { from, to } = TRANSITIONS[input.event]
  return changeWorkspace(services, {
    ...input,
    where: and(inArray(workspaces.status, [...from]), input.where),
    changes: { ...input.changes, status: to, statusChangedAt: input.now },
  })
}

export type ChangeInput<Event extends EventType = EventType> = EventPayloads<Event> & {
  id: string
  event: Event
  now: Date
  where?: SQL | undefined
  changes: Omit<Changes, 'updatedAt'>
  fence?: Fence
  /** Further statements of the same change, which may read the CTE `moved`. They return something. */
  also?: readonly SQL[]
  /** Further parts of the statement with names of their own. */
  withs?: WithSubquery[]
}

/** A change of a workspace with its event, in one statement. Only {@link transition} changes statuses. */
export async function changeWorkspace<Event extends EventType>(
  services: ChangeContext,
  input: ChangeInput<Event>,
): Promise<Workspace | undefined> {
  const { fence } = input
  const [row] = await changeStatement(services.db, {
    ...input,
    payload: sql`${payloadOf(services.by, input)}::jsonb`,
    where: and(
      input.where,
      fence === undefined ? undefined : eq(workspaces.generation, fence.generation),
      fence?.machineId === undefined
        ? undefined
        : sql`${workspaces.machineId} is not distinct from ${fence.machineId}`,
    ),
  })
  if (row !== undefined) services.invalidate(row.id)
  return row
}

type ChangeParts = Pick<ChangeInput, 'event' | 'where' | 'changes' | 'also' | 'withs'> & {
  id: string | Placeholder
  now: Date | SQL
  payload: SQL
}

/** The statement of {@link changeWorkspace}, for values or for the places of values. Who runs it calls `invalidate`. */
export function changeStatement(
  db: Database,
  { also = [], changes, event, id, now, payload, where, withs = [] }: ChangeParts,
) {
  const moved = db.$with('moved').as(
    db
      .update(workspaces)
      .set({ ...changes, updatedAt: now })
      .where(and(eq(workspaces.id, id), where))
      .returning(workspaceColumns),
  )
  const others = also.map((statement, at) => db.$with(`also_${at}`, {}).as(statement))
  const logged = appendEventsOf(db, 'moved', { event, now, payload })
  return db
    .with(moved, ...others, ...withs, logged)
    .select()
    .from(moved)
}

/** The CTE that appends one event for each row of another CTE that returns workspaces. */
export function appendEvents<Event extends EventType>(
  { by, db }: Pick<Store, 'by' | 'db'>,
  source: string,
  input: { event: Event; now: Date } & EventPayloads<Event>,
) {
  return appendEventsOf(db, source, { ...input, payload: sql`${payloadOf(by, input)}::jsonb` })
}

/** The payload of a workspace's event, without its status, which the statement adds. */
export const payloadOf = <Event extends EventType>(
  by: Store['by'],
  { payload }: { event: Event } & EventPayloads<Event>,
) => JSON.stringify({ ...payload, ...(by === undefined ? {} : { by }) })

/** As {@link appendEvents}, with the payload as jsonb. */
export const appendEventsOf = (
  db: Database,
  source: string,
  { event, now, payload }: { event: EventType; now: Date | SQL; payload: SQL },
) =>
  appendEvent(db, source, {
    event,
    now,
    workspaceId: sql`id`,
    generation: sql`generation`,
    payload: sql`jsonb_build_object('status', status) || ${payload}`,
  })
