// The only writer of a rollout's state: one conditional UPDATE with its event, in one statement.
import type { Core } from '../platform/context.ts'
import { and, eq, inArray, type SQL, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { rollouts } from '../../drizzle/schema/index.ts'
import { appendEvent } from '../events/append-event.ts'
import type { EventType } from '../events/event-types.ts'
import type { Rollout } from './rollout.ts'

type Changes = { [Column in keyof Rollout]?: Rollout[Column] | SQL }

export type RolloutChange = {
  id: string
  from: readonly Rollout['state'][]
  changes: Omit<Changes, 'updatedAt'>
  /** Absent where the state does not change. */
  event?: EventType
  payload?: Record<string, unknown>
  /** Further conditions, compared in the same statement. */
  where?: SQL | undefined
  /** Further data-modifying statements over the row that changed (`changed`). */
  also?: SQL[]
}

/** @returns the row after the change; undefined when another process changed it first */
export async function changeRollout(services: Core, input: RolloutChange): Promise<Rollout | undefined> {
  const { by, db } = services
  const now = services.now()
  const changed = db.$with('changed').as(
    db
      .update(rollouts)
      .set({ ...input.changes, updatedAt: now })
      .where(and(eq(rollouts.id, input.id), inArray(rollouts.state, [...input.from]), input.where))
      .returning(),
  )
  const also = (input.also ?? []).map((statement, at) => db.$with(`also_${at}`, {}).as(statement))
  const payload = { ...input.payload, ...(by === undefined ? {} : { by }) }
  const logged =
    input.event === undefined ? [] : [appendRolloutEvent(db, 'changed', input.event, now, payload)]
  const [row] = await db
    .with(changed, ...also, ...logged)
    .select()
    .from(changed)
  if (row !== undefined && input.event !== undefined) countEvent(services, input.event)
  return row
}

export const countEvent = ({ metrics }: Core, type: EventType) =>
  metrics.count('molecule_rollout_events_total', { type })

/** The CTE that appends an event for each rollout that another CTE returns. */
export const appendRolloutEvent = (
  db: Database,
  source: string,
  event: EventType,
  now: Date,
  payload: Record<string, unknown>,
) =>
  appendEvent(db, source, {
    event,
    now,
    payload: sql`jsonb_build_object('rollout_id', id, 'runtime', runtime, 'image', image,
      'previous_image', previous_image, 'state', state, 'tranche', tranche, 'tranches', jsonb_array_length(plan -> 'targets') + 1,
      'reason', reason) || ${JSON.stringify(payload)}::jsonb`,
  })
