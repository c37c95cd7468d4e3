// Reads of workspaces, and their leases, for all commands.
import { and, asc, eq, inArray, isNotNull, lte, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { controlPlane, workspaces } from '../../drizzle/schema/index.ts'
import { workspaceNotFound } from '../platform/errors.ts'
import { holdsLease, isFree, leaseEnd, newLease, NO_LEASE } from '../platform/lease.ts'
import { type Workspace, workspaceColumns } from './workspace.ts'

/**
 * A claimed row, with the lease that later writes must hold, the control plane's id for labels, and the key of
 * inbound secrets.
 */
export type ClaimedWorkspace = Workspace & { leaseId: string; controlPlane: string; agentKey: string }

/** @throws DomainError `not_found` */
export async function getWorkspace(db: Database, id: string): Promise<Workspace> {
  const [row] = await db.select(workspaceColumns).from(workspaces).where(eq(workspaces.id, id))
  if (row === undefined) throw workspaceNotFound()
  return row
}

/** @throws DomainError `not_found`, also for a workspace that is removed */
export async function getLivingWorkspace(db: Database, id: string): Promise<Workspace> {
  const row = await getWorkspace(db, id)
  if (row.status === 'removed') throw workspaceNotFound()
  return row
}

const claimColumns = {
  ...workspaceColumns,
  controlPlane: sql<string>`(select ${controlPlane.id} from ${controlPlane})`,
  agentKey: sql<string>`(select ${controlPlane.agentKey} from ${controlPlane})`,
}

/** Takes the lease of one workspace; undefined when another process holds it or there is no such row. */
export async function claimWorkspace(
  db: Database,
  id: string,
  now: Date,
): Promise<ClaimedWorkspace | undefined> {
  const [row] = await db
    .update(workspaces)
    .set(newLease(now))
    .where(and(eq(workspaces.id, id), isFree(workspaces, now)))
    .returning(claimColumns)
  return row as ClaimedWorkspace | undefined
}

/**
 * Takes the leases of up to `limit` workspaces that were due at `dueAt`, longest overdue first. Two sweeps at once
 * never get the same row.
 */
export async function claimDue(
  db: Database,
  now: Date,
  { dueAt, limit }: { dueAt: Date; limit: number },
): Promise<ClaimedWorkspace[]> {
  const due = db
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(and(lte(workspaces.nextCheckAt, dueAt), isFree(workspaces, now)))
    .orderBy(asc(workspaces.nextCheckAt))
    .limit(limit)
    // Weaker than for update: statements that only refer to a workspace do not wait for it.
    .for('no key update', { skipLocked: true })
  const rows = await db
    .update(workspaces)
    .set(newLease(now))
    // As an array the subquery runs once (transition-many.ts).
    .where(sql`${workspaces.id} = any(array${due})`)
    .returning(claimColumns)
  return rows as ClaimedWorkspace[]
}

/** The row as it is now, with its lease extended; undefined when another process has the lease. */
export async function renewLease(
  db: Database,
  row: ClaimedWorkspace,
  now: Date,
): Promise<ClaimedWorkspace | undefined> {
  const [renewed] = await db
    .update(workspaces)
    .set({ leasedUntil: leaseEnd(now) })
    .where(holdsLease(workspaces, row))
    .returning(claimColumns)
  return renewed as ClaimedWorkspace | undefined
}

/**
 * Releases a lease and sets the next check (null: when something changes). A check that was requested while the lease
 * was held stays.
 * @returns whether such a check is due
 */
export async function releaseWorkspace(
  db: Database,
  row: ClaimedWorkspace,
  next: { at: Date | null; attempts: number },
): Promise<boolean> {
  const seen =
    row.nextCheckAt === null ? sql`null::timestamptz` : sql`${row.nextCheckAt.toISOString()}::timestamptz`
  const wanted = next.at === null ? sql`null::timestamptz` : sql`${next.at.toISOString()}::timestamptz`
  const [released] = await db
    .update(workspaces)
    .set({
      ...NO_LEASE,
      attempts: next.attempts,
      nextCheckAt: sql`case when ${workspaces.nextCheckAt} is not distinct from ${seen} then ${wanted} else ${workspaces.nextCheckAt} end`,
    })
    .where(holdsLease(workspaces, row))
    .returning({ asked: sql<boolean>`${workspaces.nextCheckAt} is distinct from ${wanted}` })
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
