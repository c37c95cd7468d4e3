// Leases: a claim on a row that ends by itself. A process that dies while it holds one delays its row and never
// blocks it. The four tables with leases (workspaces, messages, webhook endpoints, rollouts) take, extend and release
// them with these. Their ends are by the database's clock, which all processes share: those of two hosts differ.
import { and, eq, type Placeholder, type SQL, sql } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'

/**
 * Milliseconds. Longer than the longest single provider call (a create may block for 40 s), so a live holder never
 * loses its lease.
 */
export const LEASE_MS = 90_000

/** Columns of a new lease. */
export const newLease = () => ({ leaseId: crypto.randomUUID(), leasedUntil: LEASE_END })

/**
 * Of a row that is stored with a lease, in milliseconds. If the answer of that statement is lost, nobody knows of the lease, and the
 * row waits until it ends. So it is short, and extended before the first call of a provider.
 */
const FIRST_LEASE_MS = 5_000

const after = (ms: number) => sql`now() + interval '${sql.raw(String(ms))} milliseconds'`

/** When a lease that a statement takes or extends ends. */
export const LEASE_END = after(LEASE_MS)

/** When the lease of a row that a statement stores ends. */
export const FIRST_LEASE_END = after(FIRST_LEASE_MS)

/** Columns of a row without a lease. */
export const NO_LEASE = { leaseId: null, leasedUntil: null } as const

/** Whether nobody holds the row's lease: a condition of the statement that takes it. */
export const isFree = ({ leasedUntil }: { leasedUntil: PgColumn }): SQL =>
  sql`(${leasedUntil} is null or ${leasedUntil} <= now())`

/** Whether the row's lease is still this one: a condition of every write by its holder. */
export const holdsLease = (
  table: { id: PgColumn; leaseId: PgColumn },
  { id, leaseId }: { id: string | Placeholder; leaseId: string | Placeholder | null },
): SQL => and(eq(table.id, id), sql`${table.leaseId} = ${leaseId}::uuid`) as SQL
