// A transition of a workspace and all its descendants: removing, pausing and resuming include the whole branch.
import { familyOf } from './family.ts'
import type { ChangeContext } from './transition.ts'
import { type ManyTransition, transitionMany } from './transition-many.ts'

/** @returns the ids that changed, the named one first if it did */
export async function transitionFamily(
  services: ChangeContext,
  { id, ...input }: Omit<ManyTransition, 'ids'> & { id: string },
): Promise<string[]> {
  const ids = await transitionMany(services, { ...input, ids: familyOf(id) })
  return ids.includes(id) ? [id, ...ids.filter((other) => other !== id)] : ids
}
