// Stores a new workspace with its secrets, files, disk and event, in one statement.
import type { Store } from '../platform/context.ts'
import { getTableColumns, type SQL, sql } from 'drizzle-orm'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { secrets, workspaces } from '../../drizzle/schema/index.ts'
import { diskRecords, insertDisk } from '../disks/new-disk.ts'
import { isLivingParent } from '../lifecycle/family.ts'
import { slugTaken } from '../lifecycle/slugs.ts'
import { appendEventsOf, payloadOf } from '../lifecycle/transition.ts'
import type { Workspace, WorkspaceRow } from '../lifecycle/workspace.ts'
import { machineTier } from '../machines/runtimes.ts'
import { isUniqueViolation } from '../platform/database-errors.ts'
import { consumeQuota, type QuotaValues } from '../platform/distributed-rate-limit.ts'
import type { sealAll } from '../secrets/sealing-key.ts'
import type { PreparedFile } from './files-input.ts'
import { fileRecords, insertFiles } from './store-files.ts'
import { UNTOUCHED } from './untouched.ts'

type SealedSecret = Awaited<ReturnType<typeof sealAll>>[number]

type Cell = string | number | boolean | Date | null
/** A column that a create chooses. */
type Column = Exclude<keyof WorkspaceRow, keyof typeof UNTOUCHED>

const COLUMNS = Object.keys(getTableColumns(workspaces)).filter(
  (name): name is Column => !Object.hasOwn(UNTOUCHED, name),
)

function cellOf(value: WorkspaceRow[Column]): Cell {
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value
}

const names = sql.join(
  COLUMNS.map((column) => sql.identifier(workspaces[column].name)),
  sql`, `,
)

type Values = Record<Column, Cell> &
  QuotaValues & { payload: string; secretRecords: string; fileRecords: string; diskRecords: string }

/** @param hasParts whether it has secrets, files, a disk or a parent: even without rows those parts take a sixth of the time */
const insertStatement = (hasParts: boolean) =>
  prepared((db, valueOf: ValueOf<Values>) => {
    const part = (name: string, statement: SQL) => db.$with(name, {}).as(statement)
    const quota = consumeQuota('quota', valueOf)
    const cells = sql.join(
      COLUMNS.map((column) => sql`${valueOf(column)}`),
      sql`, `,
    )
    const parentId = valueOf('parentId')
    const hasPlace = hasParts ? sql` and (${parentId}::uuid is null or ${isLivingParent(parentId)})` : sql``
    const created = sql`insert into ${workspaces} (${names}) select ${cells} where ${quota.isAllowed}${hasPlace}
      on conflict (idempotency_key) do nothing returning id, generation, status, disk_id, created_at`
    const kept = sql`insert into ${secrets} (id, workspace_id, key, key_id, sealed, created_at, updated_at)
      select gen_random_uuid(), created.id, secret.key, secret."keyId", secret.sealed, created.created_at, created.created_at
      from created, jsonb_to_recordset(${valueOf('secretRecords')}::jsonb) as secret(key text, "keyId" text, sealed text)`
    // Through a relation of the row's own columns: nothing is stored when the idempotency key is taken.
    const owned = insertDisk('created', valueOf('diskRecords'))
    const filed = insertFiles('created', valueOf('fileRecords'))
    const parts = hasParts ? [part('kept', kept), part('filed', filed), part('owned', owned)] : []
    const logged = appendEventsOf(db, 'created', {
      event: 'workspace_created',
      now: sql`created_at`,
      payload: valueOf('payload'),
    })
    return db
      .with(part('quota', quota.part), part('created', created), ...parts, logged)
      .select({ isAllowed: sql<boolean>`allowed`, isStored: sql<boolean>`stored` })
      .from(sql`(select ${quota.isAllowed} as allowed, exists (select from created) as stored) as result`)
  })

const insertAlone = insertStatement(false)
const insertWithParts = insertStatement(true)

/** What a create stores beside the row, and the quota of which it consumes one request. */
type Beside = { sealed: SealedSecret[]; files: PreparedFile[]; quota: QuotaValues }

/**
 * @returns `repeated`: the idempotency key is taken or the parent is removed, and nothing was stored; `over_quota`: nothing was stored
 * @throws DomainError `conflict` when the slug is taken
 */
export async function insertWorkspace(
  { by, db }: Store,
  row: Workspace,
  { files, quota, sealed }: Beside,
): Promise<'stored' | 'repeated' | 'over_quota'> {
  const { disk, image, labels, name, parentId, regions, runtime, slug } = row
  const facts = { name, slug, runtime, tier: machineTier(row), regions, image, parent_id: parentId, labels }
  const hasParts = disk !== null || parentId !== null || sealed.length > 0 || files.length > 0
  const values = {
    ...quota,
    payload: payloadOf(by, { event: 'workspace_created', payload: facts }),
    secretRecords: JSON.stringify(sealed),
    fileRecords: fileRecords(files),
    diskRecords: diskRecords(disk),
  } as Values
  for (const column of COLUMNS) values[column] = cellOf(row[column])
  try {
    const [result] = await (hasParts ? insertWithParts : insertAlone)(db, values)
    if (result?.isStored === true) return 'stored'
    return result?.isAllowed === true ? 'repeated' : 'over_quota'
  } catch (error) {
    if (slug === null || !isUniqueViolation(error)) throw error
    throw slugTaken(slug)
  }
}
