// Finds machines that are not as they should be: compares the provider's list with what is wanted, in one list call
// per app and one statement, however many workspaces rest. It concludes nothing, because lists lag: what it finds
// becomes due, and the reconcile that follows observes each machine.
import { and, eq, gt, inArray, isNotNull, isNull, lte, or, type SQL, sql } from 'drizzle-orm'
import { controlPlane, workspaces } from '../../drizzle/schema/index.ts'
import type { Context } from '../config/context.ts'
import { statusesWanting } from '../lifecycle/lifecycle.ts'
import { EXTERNAL_RUNTIME } from '../machines/runtimes.ts'
import type { Store } from '../platform/context.ts'
import { type FleetEntry, ProvisionError } from '../provisioner/provisioner.ts'
import type { ReconcileContext } from '../reconcile/context.ts'

/** The machines of one app that carry our labels. */
export type AppFleet = { app: string; entries: FleetEntry[] }

/** How often the list also says which hosts answer. That list is long, so it is not read by every sweep. */
const HOSTS_EVERY_SECONDS = 60

/**
 * Records that a sweep begins.
 * @returns the control plane's id, and whether it is this sweep's turn to ask for hosts; undefined before the
 *   migrations
 */
export async function beginInventory({
  db,
  now,
}: Store): Promise<{ controlPlaneId: string; withHosts: boolean } | undefined> {
  const at = now()
  const moment = sql`${at.toISOString()}::timestamptz`
  const isDue = sql`(${controlPlane.inventoriedAt} is null or ${controlPlane.inventoriedAt} <= ${moment} - make_interval(secs => ${HOSTS_EVERY_SECONDS}))`
  const [self] = await db
    .update(controlPlane)
    .set({
      lastSweptAt: at,
      inventoriedAt: sql`case when ${isDue} then ${moment} else ${controlPlane.inventoriedAt} end`,
    })
    .returning({ id: controlPlane.id, inventoriedAt: controlPlane.inventoriedAt })
  if (self === undefined) return undefined
  return { controlPlaneId: self.id, withHosts: self.inventoriedAt?.getTime() === at.getTime() }
}

/** All our machines. An app whose list failed is left out: nothing is known of its machines. */
export async function listFleet(
  services: ReconcileContext,
  { controlPlaneId, withHosts }: { controlPlaneId: string; withHosts: boolean },
): Promise<AppFleet[]> {
  const { log, provisioner } = services
  const lists = await Promise.all(
    provisioner.apps.map(async (app): Promise<AppFleet | undefined> => {
      try {
        return { app, entries: await provisioner.fleet(app, controlPlaneId, withHosts) }
      } catch (error) {
        if (!(error instanceof ProvisionError)) throw error
        const { code, message, provider } = error.problem
        log('warn', 'the provider did not list its machines', {
          app,
          code,
          detail: message,
          provider_status: provider?.status,
          provider_request_id: provider?.request_id,
        })
        return undefined
      }
    }),
  )
  return lists.filter((list) => list !== undefined)
}

/** The list as a relation in a statement: `fleet(id, phase, app, signature)`. */
export const fleetRelation = (fleet: AppFleet[]): SQL => {
  const rows = fleet.flatMap(({ app, entries }) =>
    entries.map(({ machineId, phase, signature }) => ({ id: machineId, phase, app, signature })),
  )
  return sql`jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as fleet(id text, phase text, app text, signature text)`
}

/** Seconds between two checks of an agent that sends no heartbeat and answered the first one. */
const CHECK_AGAIN_SECONDS = 60

/**
 * Makes due every resting workspace whose machine is not in the wanted state, was changed by others, or is no longer
 * kept, whose agent is silent, or whose time to wake has come.
 * @returns how many became due
 */
export async function markDrifted({ config, db, now }: Context, fleet: AppFleet[]): Promise<number> {
  const at = now()
  const moment = sql`${at.toISOString()}::timestamptz`
  const apps = fleet.map(({ app }) => app)
  const phase = sql`coalesce(fleet.phase, 'absent')`
  const wanting = (...machines: Parameters<typeof statusesWanting>) =>
    inArray(workspaces.status, statusesWanting(...machines))
  const isWakeDue = and(
    eq(workspaces.status, 'hibernated'),
    gt(workspaces.wakeAt, workspaces.statusChangedAt),
    lte(workspaces.wakeAt, at),
  )
  const isSilent = sql`${workspaces.lastHeartbeatAt} < ${moment} - make_interval(secs => ${config.liveness.silenceMs / 1000})`
  const drifted = db
    .select({ id: workspaces.id })
    .from(workspaces)
    .leftJoin(sql`${fleetRelation(fleet)}`, sql`fleet.id = ${workspaces.machineId}`)
    .where(
      and(
        isNull(workspaces.nextCheckAt),
        or(
          isWakeDue,
          and(
            eq(workspaces.runtime, EXTERNAL_RUNTIME),
            inArray(workspaces.status, ['ready', 'degraded']),
            isSilent,
          ),
          and(
            isNotNull(workspaces.machineId),
            or(
              and(wanting('kept'), sql`coalesce(${workspaces.machineKeptUntil} <= ${moment}, true)`),
              and(
                apps.length === 0 ? sql`false` : inArray(workspaces.app, apps),
                or(
                  and(wanting('started'), sql`${phase} <> 'started'`),
                  and(
                    wanting('stopped', 'asleep', 'kept'),
                    sql`${phase} not in ('stopped', 'suspended', 'failed', 'unknown')`,
                  ),
                  wanting('none'),
                  and(
                    wanting('started', 'stopped', 'asleep', 'kept'),
                    sql`fleet.signature is not null and fleet.signature is distinct from ${workspaces.machineSignature}`,
                  ),
                ),
              ),
              and(
                inArray(workspaces.status, ['ready', 'degraded']),
                sql`${workspaces.machineSeenAt} < ${moment} - make_interval(secs => ${CHECK_AGAIN_SECONDS})`,
                or(
                  isSilent,
                  // Differences that were only reported, while work was under way or before the policy changed.
                  config.driftPolicy === 'undo' ? isNotNull(workspaces.drift) : undefined,
                ),
              ),
            ),
          ),
        ),
      ),
    )
  const marked = await db
    .update(workspaces)
    .set({ nextCheckAt: at })
    .where(and(sql`${workspaces.id} in ${drifted}`, isNull(workspaces.nextCheckAt)))
    .returning({ id: workspaces.id })
  return marked.length
}
