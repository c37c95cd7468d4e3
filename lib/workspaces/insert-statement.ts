// The statement that stores new workspaces of one caller with their secrets, files, disks and events, if the caller's quota allows all
// of them. It also takes their leases. A workspace is left out whose idempotency key is taken or whose parent is removed.
import { getTableColumns, type SQL, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import type { ValueOf } from '../../drizzle/prepared.ts'
import { secrets, workspaces } from '../../drizzle/schema/index.ts'
import { insertDisks } from '../disks/new-disk.ts'
import { isLivingParent } from '../lifecycle/family.ts'
import { controlPlaneColumns } from '../lifecycle/queries.ts'
import { appendEventsOf } from '../lifecycle/transition.ts'
import type { WorkspaceRow } from '../lifecycle/workspace.ts'
import { consumeQuota, type QuotaValues } from '../platform/distributed-rate-limit.ts'
import { FIRST_LEASE_END } from '../platform/lease.ts'
import { insertFiles } from './store-files.ts'
import { UNTOUCHED } from './untouched.ts'

/** A column that a create chooses. */
type Column = Exclude<keyof WorkspaceRow, keyof typeof UNTOUCHED>

export const COLUMNS = Object.keys(getTableColumns(workspaces)).filter(
  (name): name is Column => !Object.hasOwn(UNTOUCHED, name),
)

/** The columns of a workspace, as Postgres reads them. */
export type Cells = Record<Column, string | number | boolean | null>

export function cellOf(value: WorkspaceRow[Column]): Cells[Column] {
  if (value instanceof Date) return value.toISOString()
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value
}

export const listed = (partOf: (column: Column) => SQL) => sql.join(COLUMNS.map(partOf), sql`, `)

/** Selects the columns of workspaces. @param cellOf the place of a cell */
export const selectCells = (cellOf: (column: Column) => SQL) =>
  sql`select ${listed(cellOf)}, case when ${cellOf('leaseId')}::uuid is not null then ${FIRST_LEASE_END} end`

/** `payloads`: of their events, by the ids of the workspaces. */
export type Always = QuotaValues & { payloads: string }
export type Parts = { secretRecords: string; fileRecords: string; diskRecords: string }

/**
 * @param options.rows selects the workspaces, with {@link selectCells}
 * @param options.parentId of each; left out where none has a parent
 * @param options.parts of the statement, which may read `created`
 * @returns whether all are allowed, beside the id of each that was stored, and what a claim reads beside its row
 */
export function insertStatement(
  db: Database,
  valueOf: ValueOf<Always>,
  { parentId, parts = {}, rows }: { rows: SQL; parentId?: SQL; parts?: Record<string, SQL> },
) {
  const part = (name: string, statement: SQL) => db.$with(name, {}).as(statement)
  const quota = consumeQuota('quota', valueOf)
  const names = listed((column) => sql`${sql.identifier(workspaces[column].name)}`)
  const hasPlace =
    parentId === undefined ? sql`` : sql` and (${parentId}::uuid is null or ${isLivingParent(parentId)})`
  const created = sql`insert into ${workspaces} (${names}, leased_until) ${rows} where ${quota.isAllowed}${hasPlace}
    on conflict (idempotency_key) do nothing returning id, generation, status, disk_id, created_at`
  const logged = appendEventsOf(db, 'created', {
    event: 'workspace_created',
    now: sql`created_at`,
    payload: sql`(${valueOf('payloads')}::jsonb -> id::text)`,
  })
  return db
    .with(
      part('quota', quota.part),
      part('created', created),
      ...Object.entries(parts).map(([name, statement]) => part(name, statement)),
      logged,
    )
    .select({ isAllowed: sql<boolean>`allowed`, id: sql<string | null>`created.id`, ...controlPlaneColumns })
    .from(sql`(select ${quota.isAllowed} as allowed) as result left join created on true`)
}

/** Secrets, files and disks. Even without rows they take a sixth of the time of a create. */
export const partsOf = (valueOf: ValueOf<Parts>) => ({
  kept: sql`insert into ${secrets} (id, workspace_id, key, key_id, sealed, created_at, updated_at)
    select gen_random_uuid(), created.id, secret.key, secret."keyId", secret.sealed, created.created_at, created.created_at
    from created join jsonb_to_recordset(${valueOf('secretRecords')}::jsonb)
      as secret("workspaceId" uuid, key text, "keyId" text, sealed text) on created.id = secret."workspaceId"`,
  filed: insertFiles('created', valueOf('fileRecords')),
  owned: insertDisks('created', valueOf('diskRecords')),
})
