// Orphans: machines with this control plane's labels and without a workspace. They cost money unseen, so they are
// destroyed, but only after two sightings and a grace period, a few per pass, and only if they are provably ours.
import type { ReconcileContext } from '../reconcile/context.ts'
import type { Store } from '../platform/context.ts'
import { and, eq, gte, isNull, lte, sql } from 'drizzle-orm'
import { orphans, workspaces } from '../../drizzle/schema/index.ts'
import { insertEvents } from '../events/append-event.ts'
import { type AppFleet, fleetRelation } from './drift.ts'
import { ProvisionError } from '../provisioner/provisioner.ts'

/** The most machines that one pass destroys: a mistake of ours must not empty an app unnoticed. */
const MOST_PER_PASS = 10

/** Requests for one machine, and those left for the rest of the pass. */
const COST = 6
const LEFT_FOR_OTHERS = 20

/** Failed attempts to destroy a machine after which /fleet reports it to an operator. Attempts become rarer. */
export const HOPELESS_ATTEMPTS = 8

/** Records the machines that have no workspace, in one statement. */
export async function recordOrphans({ db, now }: Store, fleet: AppFleet[]): Promise<void> {
  const moment = sql`${now().toISOString()}::timestamptz`
  // A sighting that did not repeat was a launch that was being stored; it is deleted after a week.
  await db.execute(sql`
    with expired as (delete from ${orphans} where last_seen_at < ${moment} - interval '7 days')
    insert into ${orphans} (machine_id, app, first_seen_at, last_seen_at)
    select fleet.id, fleet.app, ${moment}, ${moment} from ${fleetRelation(fleet)}
    where not exists (select from ${workspaces} where ${workspaces.machineId} = fleet.id)
    on conflict (machine_id) do update
      set sightings = ${orphans.sightings} + 1, last_seen_at = ${moment},
          -- A list may still show a destroyed machine for a while.
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
        // Seen in this pass: a machine that has disappeared since needs nothing.
        gte(orphans.lastSeenAt, new Date(now.getTime() - 60_000)),
        sql`(${orphans.attempts} = 0 or ${orphans.lastSeenAt} >= ${orphans.firstSeenAt} + make_interval(secs => 30 * power(2, least(${orphans.attempts}, 10))))`,
      ),
    )
    // Those that cannot be destroyed now must not keep the others waiting.
    .orderBy(sql`random()`)
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
    // Its workspace has found it meanwhile, or is about to.
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
    await insertEvents(db, {
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
