// Reads of workspaces, and their leases, for all commands.
import { and, asc, eq, inArray, isNotNull, lte, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { controlPlane, workspaces } from '../../drizzle/schema/index.ts'
import { workspaceNotFound } from '../platform/errors.ts'
import { holdsLease, isFree, LEASE_END, NO_LEASE } from '../platform/lease.ts'
import { shownColumns, type ShownWorkspace, type Workspace, workspaceColumns } from './workspace.ts'

/**
 * A claimed row, with the lease that later writes must hold, the control plane's id for labels, and the key of
 * inbound secrets.
 */
export type ClaimedWorkspace = Workspace & { leaseId: string; controlPlane: string; agentKey: string }

const readStatement = prepared((db, valueOf: ValueOf<{ id: string }>) =>
  db
    .select(workspaceColumns)
    .from(workspaces)
    .where(eq(workspaces.id, valueOf('id'))),
)

const readShownStatement = prepared((db, valueOf: ValueOf<{ id: string }>) =>
  db
    .select(shownColumns)
    .from(workspaces)
    .where(eq(workspaces.id, valueOf('id'))),
)

/** What answers show of it. @throws DomainError `not_found` */
export async function getShownWorkspace(db: Database, id: string): Promise<ShownWorkspace> {
  const [row] = await readShownStatement(db, { id })
  if (row === undefined) throw workspaceNotFound()
  return row
}

/** @throws DomainError `not_found` */
export async function getWorkspace(db: Database, id: string): Promise<Workspace> {
  const [row] = await readStatement(db, { id })
  if (row === undefined) throw workspaceNotFound()
  return row
}

/** @throws DomainError `not_found`, also for a workspace that is removed */
export async function getLivingWorkspace(db: Database, id: string): Promise<Workspace> {
  const row = await getWorkspace(db, id)
  if (row.status === 'removed') throw workspaceNotFound()
  return row
}

/** What a claim reads beside the row. */
export const controlPlaneColumns = {
  controlPlane: sql<string>`(select ${controlPlane.id} from ${controlPlane})`,
  agentKey: sql<string>`(select ${controlPlane.agentKey} from ${controlPlane})`,
}

const claimColumns = { ...workspaceColumns, ...controlPlaneColumns }

type LeaseValues = { leaseId: string }

/** The columns of a new lease in a prepared statement. */
const leaseOf = (valueOf: ValueOf<LeaseValues>) => ({
  leaseId: sql`${valueOf('leaseId')}::uuid`,
  leasedUntil: LEASE_END,
})

const claimStatement = prepared((db, valueOf: ValueOf<LeaseValues & { id: string }>) =>
  db
    .update(workspaces)
    .set(leaseOf(valueOf))
    .where(and(eq(workspaces.id, valueOf('id')), isFree(workspaces)))
    .returning(claimColumns),
)

/** Takes the lease of one workspace; undefined when another process holds it or there is no such row. */
export async function claimWorkspace(db: Database, id: string): Promise<ClaimedWorkspace | undefined> {
  const [row] = await claimStatement(db, { leaseId: crypto.randomUUID(), id })
  return row as ClaimedWorkspace | undefined
}

type DueValues = LeaseValues & { dueAt: Date; limit: number }

const claimDueStatement = prepared((db, valueOf: ValueOf<DueValues>) => {
  const due = db
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(and(lte(workspaces.nextCheckAt, valueOf('dueAt')), isFree(workspaces)))
    .orderBy(asc(workspaces.nextCheckAt))
    .limit(valueOf('limit'))
    // Weaker than for update: statements that only refer to a workspace do not wait for it.
    .for('no key update', { skipLocked: true })
  return (
    db
      .update(workspaces)
      .set(leaseOf(valueOf))
      // As an array the subquery runs once (transition-many.ts).
      .where(sql`${workspaces.id} = any(array${due})`)
      .returning(claimColumns)
  )
})

/**
 * Takes the leases of up to `limit` workspaces that were due at `dueAt`, longest overdue first. Two sweeps at once
 * never get the same row.
 */
export async function claimDue(
  db: Database,
  { dueAt, limit }: { dueAt: Date; limit: number },
): Promise<ClaimedWorkspace[]> {
  const rows = await claimDueStatement(db, { leaseId: crypto.randomUUID(), dueAt, limit })
  return rows as ClaimedWorkspace[]
}

const renewStatement = prepared((db, valueOf: ValueOf<LeaseValues & { id: string }>) =>
  db
    .update(workspaces)
    .set({ leasedUntil: LEASE_END })
    .where(holdsLease(workspaces, { id: valueOf('id'), leaseId: valueOf('leaseId') }))
    .returning(claimColumns),
)

/** The row as it is now, with its lease extended; undefined when another process has the lease. */
export async function renewLease(
  db: Database,
  { id, leaseId }: ClaimedWorkspace,
): Promise<ClaimedWorkspace | undefined> {
  const [renewed] = await renewStatement(db, { id, leaseId })
  return renewed as ClaimedWorkspace | undefined
}

type ReleaseValues = { id: string; leaseId: string; attempts: number; seen: Date | null; wanted: Date | null }

const releaseStatement = prepared((db, valueOf: ValueOf<ReleaseValues>) => {
  const wanted = sql`${valueOf('wanted')}::timestamptz`
  return db
    .update(workspaces)
    .set({
      ...NO_LEASE,
      attempts: sql`${valueOf('attempts')}::integer`,
      nextCheckAt: sql`case when ${workspaces.nextCheckAt} is not distinct from ${valueOf('seen')}::timestamptz then ${wanted} else ${workspaces.nextCheckAt} end`,
    })
    .where(holdsLease(workspaces, { id: valueOf('id'), leaseId: valueOf('leaseId') }))
    .returning({ asked: sql<boolean>`${workspaces.nextCheckAt} is distinct from ${wanted}` })
})

/**
 * Releases a lease and sets the next check (null: when something changes). A check that was requested while the lease
 * was held stays.
 * @returns whether such a check is due
 */
export async function releaseWorkspace(
  db: Database,
  { id, leaseId, nextCheckAt: seen }: ClaimedWorkspace,
  next: { at: Date | null; attempts: number },
): Promise<boolean> {
  const [released] = await releaseStatement(db, {
    id,
    leaseId,
    attempts: next.attempts,
    seen,
    wanted: next.at,
  })
  return released?.asked === true
}

/** Releases workspaces that were not begun: they stay due. */
export async function releaseUnstarted(db: Database, rows: readonly ClaimedWorkspace[]): Promise<void> {
  if (rows.length === 0) return
  const leases = rows.map(({ leaseId }) => leaseId)
  await db.update(workspaces).set(NO_LEASE).where(inArray(workspaces.leaseId, leases))
}

/**
 * Ends all leases and makes their workspaces due. Only for a process that is alone with its database, where every
 * holder is gone at the start.
 */
export async function releaseAllLeases(db: Database, now: Date): Promise<void> {
  await db
    .update(workspaces)
    .set({ ...NO_LEASE, nextCheckAt: now })
    .where(isNotNull(workspaces.leasedUntil))
}
