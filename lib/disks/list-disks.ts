// Reads of the ledger of disks.
import { and, asc, eq, gt, isNull, ne, or } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { disks } from '../../drizzle/schema/index.ts'
import type { Disk } from '../lifecycle/workspace.ts'
import { DomainError } from '../platform/errors.ts'

/** @throws DomainError `not_found` */
export async function getDisk(db: Database, id: string): Promise<Disk> {
  const [disk] = await db.select().from(disks).where(eq(disks.id, id))
  if (disk === undefined) throw new DomainError('not_found', 'disk not found; GET /disks lists them')
  return disk
}

/** Disks that are not gone, oldest first. Reads one more than `limit`, to know whether there is a next page. */
export async function listDisks(
  db: Database,
  input: { limit: number; retainedOnly: boolean; after?: { createdAt: Date; id: string } | undefined },
): Promise<{ rows: Disk[]; more: boolean }> {
  const { after, limit, retainedOnly } = input
  const rows = await db
    .select()
    .from(disks)
    .where(
      and(
        ne(disks.state, 'gone'),
        retainedOnly ? isNull(disks.workspaceId) : undefined,
        after === undefined
          ? undefined
          : or(
              gt(disks.insertedAt, after.createdAt),
              and(eq(disks.insertedAt, after.createdAt), gt(disks.id, after.id)),
            ),
      ),
    )
    .orderBy(asc(disks.insertedAt), asc(disks.id))
    .limit(limit + 1)
  return { rows: rows.slice(0, limit), more: rows.length > limit }
}
