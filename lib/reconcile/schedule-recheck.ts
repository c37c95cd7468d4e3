// After a message that its machine did not answer, the workspace is reconciled at once, not at the next sweep.
import type { ReconcileContext } from './context.ts'
import { and, eq, inArray } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import { reconcileNow } from './reconcile-now.ts'
import { TRANSITIONS } from '../lifecycle/lifecycle.ts'

/**
 * Reconciles a workspace, if its generation is still that of the message. Many failed messages cause one check within
 * a few seconds.
 */
export async function scheduleRecheck(
  services: ReconcileContext,
  id: string,
  generation: number,
): Promise<void> {
  if (services.recentProbes.peek(id) === true) return
  await services.recentProbes.load(id, async () => {
    await recheck(services, id, generation)
    return true
  })
}

async function recheck(services: ReconcileContext, id: string, generation: number): Promise<void> {
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
