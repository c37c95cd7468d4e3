// A transition of many workspaces in one statement: all that a subquery selects and that the event changes.
import { and, inArray, type SQL, sql, type WithSubquery } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import { TRANSITIONS } from './lifecycle.ts'
import { appendEvents, type ChangeContext, type TransitionInput } from './transition.ts'

export type ManyTransition = Pick<TransitionInput, 'event' | 'now' | 'payload' | 'where'> & {
  /** A subquery of ids. */
  ids: SQL
  changes: NonNullable<TransitionInput['changes']>
  /** Further data-modifying statements over the rows that changed (`moved`). */
  also?: SQL[]
  /** Further parts of the statement with names of their own. */
  withs?: WithSubquery[]
}

/** @returns the ids that changed */
export async function transitionMany(services: ChangeContext, input: ManyTransition): Promise<string[]> {
  const { db } = services
  const { changes, event, ids, now } = input
  const { from, to } = TRANSITIONS[event]
  // As an array the subquery runs once. In `in (…)` a plan may repeat it for each row, and a `limit` would not hold.
  const moved = db.$with('moved').as(
    db
      .update(workspaces)
      .set({ ...changes, status: to, statusChangedAt: now, updatedAt: now })
      .where(
        and(sql`${workspaces.id} = any(array(${ids}))`, inArray(workspaces.status, [...from]), input.where),
      )
      .returning(),
  )
  const also = (input.also ?? []).map((statement, at) => db.$with(`also_${at}`, {}).as(statement))
  const logged = appendEvents(services, 'moved', input)
  const rows = await db
    .with(moved, ...also, ...(input.withs ?? []), logged)
    .select({ id: moved.id })
    .from(moved)
  for (const { id } of rows) services.invalidate(id)
  return rows.map(({ id }) => id)
}
