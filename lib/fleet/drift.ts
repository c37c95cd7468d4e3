// Notices machines that are not as they should be: compares the provider's inventory with what is wanted, in one list call
// per app and one statement, however many workspaces rest. It concludes nothing, because lists lag: what it finds becomes
// due, and the reconcile that follows looks at each machine.
import type { ReconcileContext } from '../reconcile/context.ts'
import type { Store } from '../platform/context.ts'
import { and, inArray, isNotNull, isNull, or, type SQL, sql } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import { type FleetEntry, ProvisionError } from '../provisioner/provisioner.ts'
import { SILENCE_MS } from '../reconcile/observation.ts'
import { statusesWanting } from '../lifecycle/lifecycle.ts'

/** The inventory of one app. */
export type AppFleet = { app: string; entries: FleetEntry[] }

/** Every app's machines of ours. An app whose list failed is left out: nothing can be said of its machines. */
export async function listFleet(services: ReconcileContext, controlPlane: string): Promise<AppFleet[]> {
  const { log, provisioner } = services
  const lists = await Promise.all(
    provisioner.apps.map(async (app): Promise<AppFleet | undefined> => {
      try {
        return { app, entries: await provisioner.fleet(app, controlPlane) }
      } catch (error) {
        if (!(error instanceof ProvisionError)) throw error
        log('warn', 'the provider did not list its machines', {
          app,
          code: error.problem.code,
          detail: error.problem.message,
        })
        return undefined
      }
    }),
  )
  return lists.filter((list) => list !== undefined)
}

/** The inventory as a relation in a statement: `fleet(id, phase, app)`. */
export const fleetRelation = (fleet: AppFleet[]): SQL => {
  const rows = fleet.flatMap(({ app, entries }) =>
    entries.map(({ machineId, phase }) => ({ id: machineId, phase, app })),
  )
  return sql`jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as fleet(id text, phase text, app text)`
}

/** Between two looks at a silent agent that answered the first one. */
const SILENT_AGAIN_SECONDS = 60

/**
 * Marks as due every resting workspace whose machine is not in the condition it should be, or whose agent fell silent.
 * @returns how many became due
 */
export async function markDrifted({ db, now }: Store, fleet: AppFleet[]): Promise<number> {
  const at = now()
  const moment = sql`${at.toISOString()}::timestamptz`
  const apps = fleet.map(({ app }) => app)
  const phase = sql`coalesce(fleet.phase, 'absent')`
  const wanting = (...machines: Parameters<typeof statusesWanting>) =>
    inArray(workspaces.status, statusesWanting(...machines))
  const odd = db
    .select({ id: workspaces.id })
    .from(workspaces)
    .leftJoin(sql`${fleetRelation(fleet)}`, sql`fleet.id = ${workspaces.machineId}`)
    .where(
      and(
        isNull(workspaces.nextCheckAt),
        isNotNull(workspaces.machineId),
        or(
          and(
            apps.length === 0 ? sql`false` : inArray(workspaces.app, apps),
            or(
              and(wanting('started'), sql`${phase} <> 'started'`),
              and(wanting('stopped', 'asleep'), sql`${phase} not in ('stopped', 'suspended')`),
              wanting('none'),
            ),
          ),
          and(
            inArray(workspaces.status, ['ready', 'degraded']),
            sql`${workspaces.lastHeartbeatAt} < ${moment} - make_interval(secs => ${SILENCE_MS / 1000})`,
            sql`${workspaces.machineSeenAt} < ${moment} - make_interval(secs => ${SILENT_AGAIN_SECONDS})`,
          ),
        ),
      ),
    )
  const marked = await db
    .update(workspaces)
    .set({ nextCheckAt: at })
    .where(and(sql`${workspaces.id} in ${odd}`, isNull(workspaces.nextCheckAt)))
    .returning({ id: workspaces.id })
  return marked.length
}
