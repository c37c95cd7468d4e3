// A transition of a workspace and all its descendants, in one statement: removing, pausing and resuming take the whole
// branch along.
import { and, inArray, type SQL, sql } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema.ts'
import { familyOf } from './family.ts'
import { TRANSITIONS } from './lifecycle.ts'
import { appendEvents, type Changing, type TransitionInput } from './transition.ts'

export type FamilyTransition = {
  id: string
  event: 'pause_requested' | 'resume_requested' | 'removed'
  now: Date
  changes: NonNullable<TransitionInput['changes']>
  /** Further data-modifying statements over the rows that moved (`moved`). */
  also?: SQL[]
}

/** @returns the ids that moved, the one that was named first if it did */
export async function transitionFamily(services: Changing, input: FamilyTransition): Promise<string[]> {
  const { db } = services
  const { id, event, now, changes } = input
  const { from, to } = TRANSITIONS[event]
  const moved = db.$with('moved').as(
    db
      .update(workspaces)
      .set({ ...changes, status: to, statusChangedAt: now, updatedAt: now })
      .where(and(sql`${workspaces.id} in (${familyOf(id)})`, inArray(workspaces.status, [...from])))
      .returning(),
  )
  const also = (input.also ?? []).map((statement, at) => db.$with(`also_${at}`, {}).as(statement))
  const logged = appendEvents(services, 'moved', { event, now })
  const rows = await db
    .with(moved, ...also, logged)
    .select({ id: moved.id })
    .from(moved)
  const ids = rows.map((row) => row.id)
  for (const moved of ids) services.changed(moved)
  return ids.includes(id) ? [id, ...ids.filter((other) => other !== id)] : ids
}
