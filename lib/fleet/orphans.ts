// Orphans: machines that carry this control plane's mark and have no workspace. They cost money unseen, so they are
// destroyed; but only after two sightings and a grace period, a few per pass, and never one that is not provably ours.
import type { ReconcileContext } from '../reconcile/context.ts'
import type { Store } from '../platform/context.ts'
import { and, asc, eq, gte, isNull, lte, sql } from 'drizzle-orm'
import { orphans, workspaces } from '../../drizzle/schema/index.ts'
import { insertEvent } from '../events/append-event.ts'
import { type AppFleet, fleetRelation } from './drift.ts'
import { ProvisionError } from '../provisioner/provisioner.ts'

/** Machines destroyed in one pass, at most: a mistake of ours must not empty an app before somebody notices. */
const MOST_PER_PASS = 10

/** Requests that one of them takes, and what is left for the rest of the pass. */
const COST = 6
const LEFT_FOR_OTHERS = 20

/** After so many failed attempts to destroy it a machine needs a human: /fleet says so, and it is tried ever more rarely. */
export const HOPELESS_ATTEMPTS = 8

/** Notes the machines that have no workspace, in one statement. A launch whose answer is awaited has its row, and waits. */
export async function recordOrphans({ db, now }: Store, fleet: AppFleet[]): Promise<void> {
  const moment = sql`${now().toISOString()}::timestamptz`
  // A sighting that did not repeat was a launch in the middle of being stored; it is forgotten after a week.
  await db.execute(sql`
    with forgotten as (delete from ${orphans} where last_seen_at < ${moment} - interval '7 days')
    insert into ${orphans} (machine_id, app, first_seen_at, last_seen_at)
    select fleet.id, fleet.app, ${moment}, ${moment} from ${fleetRelation(fleet)}
    where not exists (select from ${workspaces} where ${workspaces.machineId} = fleet.id)
    on conflict (machine_id) do update
      set sightings = ${orphans.sightings} + 1, last_seen_at = ${moment},
          -- A list may show for a while what was destroyed.
          gone_at = case when ${orphans.goneAt} < ${moment} - interval '5 minutes' then null else ${orphans.goneAt} end`)
}

/** @returns how many were destroyed */
export async function destroyOrphans(services: ReconcileContext, controlPlane: string): Promise<number> {
  const { config, db } = services
  const now = services.now()
  const graceEnd = new Date(now.getTime() - config.orphanGraceSeconds * 1000)
  const due = await db
    .select()
    .from(orphans)
    .where(
      and(
        isNull(orphans.goneAt),
        gte(orphans.sightings, 2),
        lte(orphans.firstSeenAt, graceEnd),
        // Seen in the pass that is under way: one that has disappeared since needs nothing.
        gte(orphans.lastSeenAt, new Date(now.getTime() - 60_000)),
        sql`(${orphans.attempts} = 0 or ${orphans.lastSeenAt} >= ${orphans.firstSeenAt} + make_interval(secs => 30 * power(2, least(${orphans.attempts}, 10))))`,
      ),
    )
    .orderBy(asc(orphans.firstSeenAt))
    .limit(MOST_PER_PASS)
  let destroyed = 0
  for (const orphan of due) {
    if (services.budget.left() < COST + LEFT_FOR_OTHERS) break
    if (await destroyOrphan(services, orphan, controlPlane)) destroyed++
  }
  return destroyed
}

async function destroyOrphan(
  services: ReconcileContext,
  orphan: typeof orphans.$inferSelect,
  controlPlane: string,
): Promise<boolean> {
  const { app, machineId } = orphan
  const { db, log, provisioner } = services
  const now = services.now()
  const observed = await provisioner.observe('', app, machineId)
  if (observed.presence === 'unknown') return false
  const gone = observed.presence === 'absent' || observed.machine.phase === 'gone'
  if (!gone) {
    const { labels } = observed.machine
    if (labels?.controlPlane !== controlPlane) return false
    const [owner] = await db.select().from(workspaces).where(eq(workspaces.id, labels.workspaceId))
    // Its workspace is about to find it, or has meanwhile.
    if (
      owner !== undefined &&
      (owner.machineId === machineId || (owner.machineId === null && owner.launchId !== null))
    ) {
      return false
    }
    try {
      await provisioner.destroy({ app, machineId })
    } catch (error) {
      if (!(error instanceof ProvisionError)) throw error
      await db
        .update(orphans)
        .set({ attempts: orphan.attempts + 1 })
        .where(eq(orphans.machineId, machineId))
      log('error', 'an orphaned machine could not be destroyed', {
        app,
        machine_id: machineId,
        code: error.problem.code,
      })
      return false
    }
    await insertEvent(db, {
      event: 'orphan_destroyed',
      workspaceId: labels.workspaceId,
      generation: labels.generation,
      payload: { app, machine_id: machineId, region: observed.machine.region },
      at: now,
    })
  }
  await db.update(orphans).set({ goneAt: now }).where(eq(orphans.machineId, machineId))
  return !gone
}
