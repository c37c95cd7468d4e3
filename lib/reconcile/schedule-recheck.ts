// A message that its machine did not answer is news: the workspace is looked after at once, and not at the next sweep.
import type { ReconcileContext } from './context.ts'
import { and, eq, inArray } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import { reconcileNow } from './reconcile-now.ts'
import { TRANSITIONS } from '../lifecycle/lifecycle.ts'

/**
 * Has a workspace looked after, if it still is what it was when the message was sent. Many messages that fail make one look in
 * a few seconds.
 */
export async function scheduleRecheck(
  services: ReconcileContext,
  id: string,
  generation: number,
): Promise<void> {
  if (services.recentProbes.peek(id) === true) return
  await services.recentProbes.load(id, async () => {
    await look(services, id, generation)
    return true
  })
}

async function look(services: ReconcileContext, id: string, generation: number): Promise<void> {
  const [due] = await services.db
    .update(workspaces)
    .set({ nextCheckAt: services.now() })
    .where(
      and(
        eq(workspaces.id, id),
        eq(workspaces.generation, generation),
        inArray(workspaces.status, [...TRANSITIONS.machine_stopped.from]),
      ),
    )
    .returning({ id: workspaces.id })
  if (due !== undefined) await reconcileNow(services, id)
}
