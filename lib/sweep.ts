// The one loop that outlives every request: notices machines that are not as they should be, then reconciles what is due.
// Run by cron on Workers and by a timer on Node; several at once share the work through leases.
import { and, eq, inArray, isNotNull, isNull, sql } from 'drizzle-orm'
import { controlPlane, workspaces } from '../drizzle/schema.ts'
import { ProvisionError } from './provisioner/provisioner.ts'
import type { Services } from './services.ts'
import { WANTED_MACHINE, type WorkspaceStatus } from './workspaces/lifecycle.ts'
import { claimDue, claimWorkspace, type ClaimedWorkspace } from './workspaces/queries.ts'
import { reconcileWorkspace } from './workspaces/reconcile.ts'

export type SweepOptions = {
  /** Most workspaces taken up in one pass; the rest stay due. */
  limit?: number
  /** Workspaces reconciled at the same time. Workers allow six connections at once. */
  concurrency?: number
  /** Milliseconds a pass may stay with a workspace that is waiting for its machine. */
  patienceMs?: number
}

export type SweepSummary = { drifted: number; reconciled: number; failed: number }

/** How long a request's own reconcile follows a workspace: Workers end `waitUntil` work after 30 s. */
const REQUEST_PATIENCE_MS = 25_000

export async function sweep(services: Services, options: SweepOptions = {}): Promise<SweepSummary> {
  const { limit = 50, concurrency = 6, patienceMs = 5_000 } = options
  const drifted = await noticeDrift(services)
  const queue = await claimDue(services.db, services.now(), limit)
  const until = services.now().getTime() + patienceMs
  let failed = 0
  const work = async () => {
    for (let row = queue.shift(); row !== undefined; row = queue.shift()) {
      if (!(await reconcileSafely(services, row, until))) failed++
    }
  }
  const reconciled = queue.length
  await Promise.all(Array.from({ length: concurrency }, work))
  return { drifted, reconciled, failed }
}

/** The same, for one workspace and at once. Does nothing when somebody else is at it: they will see what is wanted. */
export async function reconcileNow(services: Services, id: string): Promise<void> {
  const row = await claimWorkspace(services.db, id, services.now())
  if (row !== undefined) await reconcileSafely(services, row, services.now().getTime() + REQUEST_PATIENCE_MS)
}

// One workspace's failure never stops the others; its lease runs out and the next sweep tries again.
async function reconcileSafely(services: Services, row: ClaimedWorkspace, until: number): Promise<boolean> {
  try {
    await reconcileWorkspace(services, row, { until })
    return true
  } catch (error) {
    services.log('error', 'a reconcile failed', { workspace_id: row.id, error })
    return false
  }
}

const statusesWanting = (machine: 'started' | 'stopped') =>
  (Object.keys(WANTED_MACHINE) as WorkspaceStatus[]).filter((status) => WANTED_MACHINE[status] === machine)

/**
 * Compares the provider's inventory with what is wanted and marks the differences due: one list call and one statement,
 * however many workspaces rest. It concludes nothing: lists lag, and the reconcile that follows looks at each machine.
 * @returns how many workspaces became due
 */
async function noticeDrift(services: Services): Promise<number> {
  const { db, provisioner } = services
  const [self] = await db
    .select({
      id: controlPlane.id,
      any: sql<boolean>`exists (select from ${workspaces} where machine_id is not null)`,
    })
    .from(controlPlane)
  if (self === undefined || !self.any) return 0
  let fleet
  try {
    fleet = await provisioner.fleet(self.id)
  } catch (error) {
    if (!(error instanceof ProvisionError)) throw error
    services.log('warn', 'the provider did not list its machines', {
      code: error.problem.code,
      detail: error.problem.message,
    })
    return 0
  }
  const entries = JSON.stringify(fleet.map(({ machineId, phase }) => ({ id: machineId, phase })))
  const phase = sql`coalesce(fleet.phase, 'absent')`
  const odd = db
    .select({ id: workspaces.id })
    .from(workspaces)
    .leftJoin(
      sql`jsonb_to_recordset(${entries}::jsonb) as fleet(id text, phase text)`,
      sql`fleet.id = ${workspaces.machineId}`,
    )
    .where(
      and(
        isNull(workspaces.nextCheckAt),
        isNotNull(workspaces.machineId),
        sql`(${and(inArray(workspaces.status, statusesWanting('started')), sql`${phase} <> 'started'`)})
          or (${and(inArray(workspaces.status, statusesWanting('stopped')), sql`${phase} not in ('stopped', 'suspended')`)})`,
      ),
    )
  const marked = await db
    .update(workspaces)
    .set({ nextCheckAt: services.now() })
    .where(and(sql`${workspaces.id} in ${odd}`, isNull(workspaces.nextCheckAt)))
    .returning({ id: workspaces.id })
  return marked.length
}

/** Asks for a look at a workspace by the next sweep, if nobody has asked for an earlier one. */
export async function nudge({ db, now }: Services, id: string): Promise<void> {
  await db.update(workspaces).set({ nextCheckAt: now() }).where(eq(workspaces.id, id))
}
