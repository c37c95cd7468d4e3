// What a launch reads, in one statement: on a Worker each statement is a request, which takes longer than its rows.
import { eq, getTableColumns, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { jsonRows } from '../../drizzle/json-rows.ts'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { regionHealth, secrets, workspaces } from '../../drizzle/schema/index.ts'
import { rolledImage } from '../lifecycle/wanted-image.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import { type Secret, secretsStatement } from '../secrets/read-secrets.ts'
import { healthStatement, type RegionHealth } from './region-health.ts'

export type LaunchReads = {
  /** Of its regions, as far as there is a record. */
  health: RegionHealth[]
  /** Its own, and all global ones. */
  secrets: Secret[]
  /** See {@link rolledImage}. */
  rolledImage: string | null
}

const readStatement = prepared((db, valueOf: ValueOf<{ id: string; regions: string }>) =>
  db
    .select({
      // Wrapped, because drizzle omits table names of columns that a selection names directly.
      rolledImage: sql<string | null>`${rolledImage}`.as('rolled_image'),
      health: jsonRows(getTableColumns(regionHealth), healthStatement(db, valueOf('regions'))).as('health'),
      secrets: jsonRows(getTableColumns(secrets), secretsStatement(db, valueOf('id'))).as('secrets'),
    })
    .from(workspaces)
    .where(eq(workspaces.id, valueOf('id'))),
)

export async function readForLaunch(db: Database, { id, regions }: Workspace): Promise<LaunchReads> {
  const [read] = await readStatement(db, { id, regions: JSON.stringify(regions) })
  return read ?? { health: [], secrets: [], rolledImage: null }
}
