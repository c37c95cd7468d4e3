// The end of a successful rollout: its image becomes the runtime's image.
import type { RolloutContext } from './context.ts'
import { and, eq, sql } from 'drizzle-orm'
import { rollouts, runtimeDefaults, workspaces } from '../../drizzle/schema/index.ts'
import { restartChanges } from '../workspaces/restart.ts'
import { appendEvents } from '../lifecycle/transition.ts'
import { appendRolloutEvent, countEvent } from './change-rollout.ts'
import { isBusy, isMember, runsAnother } from './selectors.ts'
import type { Rollout } from './rollout.ts'

/**
 * Idle workspaces that were created meanwhile are restarted with the image in the same statement, so none can be
 * created in between and missed. Those that sleep or work get it with their next launch.
 * @returns the ids that were restarted
 */
export async function completeRollout(services: RolloutContext, rollout: Rollout): Promise<string[]> {
  const { config, db } = services
  const { id, image, leaseId, runtime } = rollout
  const now = services.now()
  const completed = db.$with('completed').as(
    db
      .update(rollouts)
      .set({ state: 'completed', finishedAt: now, updatedAt: now })
      .where(and(eq(rollouts.id, id), eq(rollouts.state, 'running'), sql`${rollouts.leaseId} = ${leaseId}`))
      .returning(),
  )
  const chosen = db.$with('chosen', {}).as(
    sql`insert into ${runtimeDefaults} (runtime, image, rollout_id, updated_at)
      select runtime, image, id, ${now.toISOString()}::timestamptz from completed
      on conflict (runtime) do update set image = excluded.image, rollout_id = excluded.rollout_id, updated_at = excluded.updated_at`,
  )
  const latecomers = db.$with('latecomers').as(
    db
      .update(workspaces)
      .set({
        ...restartChanges(config, runtime, now),
        status: 'provisioning',
        statusChangedAt: now,
        updatedAt: now,
      })
      .where(
        and(
          sql`exists (select from completed)`,
          runsAnother(runtime, image),
          sql`${workspaces.status} in ('provisioning', 'ready', 'degraded', 'offline')`,
          sql`not ${isMember(rollout, 'ready')}`,
          sql`not ${isBusy(services)}`,
        ),
      )
      .returning(),
  )
  const restarted = appendEvents(services, 'latecomers', { event: 'restart_requested', now })
  const payload = services.by === undefined ? {} : { by: services.by }
  const logged = appendRolloutEvent(db, 'completed', 'rollout_completed', now, payload)
  const rows = await db
    .with(completed, chosen, latecomers, restarted, logged)
    .select({ completed: completed.id, latecomer: latecomers.id })
    .from(completed)
    .leftJoin(latecomers, sql`true`)
  if (rows.length > 0) countEvent(services, 'rollout_completed')
  const ids = rows.flatMap(({ latecomer }) => latecomer ?? [])
  for (const one of ids) services.invalidate(one)
  return ids
}
