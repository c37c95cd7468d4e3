// Stores a new workspace with its secrets, files, disk and event, in one statement.
import type { Store } from '../platform/context.ts'
import { getTableColumns, sql, type WithSubquery } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { secrets, workspaces } from '../../drizzle/schema/index.ts'
import { diskRecords, insertDisk } from '../disks/new-disk.ts'
import { slugTaken } from '../lifecycle/slugs.ts'
import { appendEventsOf, payloadOf } from '../lifecycle/transition.ts'
import type { Workspace, WorkspaceRow } from '../lifecycle/workspace.ts'
import { machineTier } from '../machines/runtimes.ts'
import { isUniqueViolation } from '../platform/database-errors.ts'
import type { sealAll } from '../secrets/sealing-key.ts'
import type { PreparedFile } from './files-input.ts'
import { fileRecords, insertFiles } from './store-files.ts'

type SealedSecret = Awaited<ReturnType<typeof sealAll>>[number]

type Cell = string | number | boolean | Date | null
type RowCells = Record<keyof WorkspaceRow, Cell>

/** Postgres reads JSON from text. */
const toCell = (value: WorkspaceRow[keyof WorkspaceRow]): Cell =>
  typeof value !== 'object' || value === null || value instanceof Date ? value : JSON.stringify(value)

const mapColumns = <To>(to: (column: keyof WorkspaceRow) => To) =>
  Object.fromEntries(
    Object.keys(getTableColumns(workspaces)).map((column) => [column, to(column as keyof WorkspaceRow)]),
  ) as Record<keyof WorkspaceRow, To>

type Values = RowCells & { payload: string }
type Parts = { secretRecords: string; fileRecords: string; diskRecords: string }

const insertRow = prepared((db, valueOf: ValueOf<Values>) => insertStatement(db, valueOf))

/** The same with what most workspaces do not have: even without rows these parts take as much time as the rest. */
const insertWithParts = prepared((db, valueOf: ValueOf<Values & Parts>) =>
  insertStatement(
    db,
    valueOf,
    db.$with('kept', {}).as(
      sql`insert into ${secrets} (id, workspace_id, key, key_id, sealed, created_at, updated_at)
        select gen_random_uuid(), created.id, secret.key, secret."keyId", secret.sealed, created.created_at, created.created_at
        from created, jsonb_to_recordset(${valueOf('secretRecords')}::jsonb) as secret(key text, "keyId" text, sealed text)`,
    ),
    db.$with('filed', {}).as(insertFiles('created', valueOf('fileRecords'))),
    // Through a relation of the row's own columns: nothing is stored when the idempotency key is taken.
    db.$with('owned', {}).as(insertDisk('created', valueOf('diskRecords'))),
  ),
)

function insertStatement(db: Database, valueOf: ValueOf<Values>, ...parts: WithSubquery[]) {
  const created = db.$with('created').as(
    db
      .insert(workspaces)
      .values(mapColumns((column) => sql`${valueOf(column)}`))
      .onConflictDoNothing({ target: workspaces.idempotencyKey })
      .returning({
        id: workspaces.id,
        generation: workspaces.generation,
        status: workspaces.status,
        diskId: workspaces.diskId,
        createdAt: workspaces.createdAt,
      }),
  )
  const logged = appendEventsOf(db, 'created', {
    event: 'workspace_created',
    now: sql`created_at`,
    payload: valueOf('payload'),
  })
  return db
    .with(created, ...parts, logged)
    .select({ id: created.id })
    .from(created)
}

/**
 * @returns false when the idempotency key is taken, and nothing was stored
 * @throws DomainError `conflict` when the slug is taken
 */
export async function insertWorkspace(
  { by, db }: Store,
  { disk, ...row }: Workspace,
  sealed: SealedSecret[],
  files: PreparedFile[],
): Promise<boolean> {
  const { image, labels, name, parentId, regions, runtime, slug } = row
  const facts = { name, slug, runtime, tier: machineTier(row), regions, image, parent_id: parentId, labels }
  const payload = payloadOf(by, { event: 'workspace_created', payload: facts })
  const values = { ...mapColumns((column) => toCell(row[column])), payload }
  try {
    const rows =
      disk === null && sealed.length === 0 && files.length === 0
        ? await insertRow(db, values)
        : await insertWithParts(db, {
            ...values,
            secretRecords: JSON.stringify(sealed),
            fileRecords: fileRecords(files),
            diskRecords: diskRecords(disk),
          })
    return rows.length > 0
  } catch (error) {
    if (slug === null || !isUniqueViolation(error)) throw error
    throw slugTaken(slug)
  }
}
