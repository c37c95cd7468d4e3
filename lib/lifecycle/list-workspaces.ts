// GET /workspaces: pages of workspaces that are not removed, filtered and sorted in the database. Each filter has an
// index (drizzle/schema/workspaces.ts).
import { and, asc, count, desc, eq, gt, inArray, like, ne, type SQL, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { byteOrder, firstRegion, hasLabels, hasTier, workspaces } from '../../drizzle/schema/index.ts'
import type { WorkspaceStatus } from './lifecycle.ts'
import { type ShownWorkspace, shownColumns } from './workspace.ts'

export const WORKSPACE_ORDERS = ['created_at', '-created_at', 'name', '-name'] as const
export type WorkspaceOrder = (typeof WORKSPACE_ORDERS)[number]

export type WorkspaceFilter = {
  status?: readonly WorkspaceStatus[] | undefined
  runtime?: string | undefined
  tier?: number | undefined
  /** The preferred region. */
  region?: string | undefined
  parentId?: string | undefined
  name?: string | undefined
  namePrefix?: string | undefined
  labels?: Readonly<Record<string, string>>
  createdAfter?: Date | undefined
  /** Only these; null: all. */
  only?: readonly string[] | null
}

/** The position behind the last row of a page: the value that the page is sorted by, and the id. */
export type ListPosition = { value: string; id: string }

export type WorkspacePage = {
  limit: number
  order: WorkspaceOrder
  after?: ListPosition | undefined
}

export async function listWorkspaces(
  db: Database,
  filter: WorkspaceFilter,
  page: WorkspacePage,
): Promise<{ rows: ShownWorkspace[]; next: ListPosition | undefined }> {
  const { limit, order } = page
  const rows = await listStatement(db, filter, page)
  const last = rows[limit - 1]
  const more = rows.length > limit && last !== undefined
  return { rows: rows.slice(0, limit), next: more ? positionOf(order, last) : undefined }
}

/** The statement of one page. It reads one row more than `limit`, to know whether there is a next page. */
export function listStatement(db: Database, filter: WorkspaceFilter, { after, limit, order }: WorkspacePage) {
  const column = order.endsWith('name') ? nameOrder : workspaces.createdAt
  const direction = order.startsWith('-') ? desc : asc
  return db
    .select(shownColumns)
    .from(workspaces)
    .where(and(...conditions(filter), after === undefined ? undefined : isBehind(order, after)))
    .orderBy(direction(column), direction(workspaces.id))
    .limit(limit + 1)
}

/** The ids of the workspaces with these labels, removed ones included. @param only among these; undefined: all */
export async function findIdsWithLabels(
  db: Database,
  labels: Readonly<Record<string, string>>,
  only: readonly string[] | undefined,
): Promise<string[]> {
  // As one value: thousands of rows take longer to read.
  const [row] = await db
    .select({ ids: sql<string[]>`coalesce(jsonb_agg(${workspaces.id}), '[]')` })
    .from(workspaces)
    .where(
      and(
        hasLabels(JSON.stringify(labels)),
        only === undefined ? undefined : inArray(workspaces.id, [...only]),
      ),
    )
  return row?.ids ?? []
}

/** How many workspaces match. */
export async function countWorkspaces(db: Database, filter: WorkspaceFilter): Promise<number> {
  const [row] = await db
    .select({ total: count() })
    .from(workspaces)
    .where(and(...conditions(filter)))
  return row?.total ?? 0
}

function conditions(filter: WorkspaceFilter): (SQL | undefined)[] {
  const {
    createdAfter,
    labels = {},
    name,
    namePrefix,
    only,
    parentId,
    region,
    runtime,
    status,
    tier,
  } = filter
  return [
    status === undefined ? ne(workspaces.status, 'removed') : inArray(workspaces.status, [...status]),
    runtime === undefined ? undefined : eq(workspaces.runtime, runtime),
    tier === undefined ? undefined : and(eq(workspaces.tier, tier), hasTier(workspaces)),
    region === undefined ? undefined : eq(firstRegion(workspaces), region),
    parentId === undefined ? undefined : eq(workspaces.parentId, parentId),
    name === undefined ? undefined : eq(nameOrder, name),
    namePrefix === undefined ? undefined : like(nameOrder, `${escapeLike(namePrefix)}%`),
    Object.keys(labels).length === 0 ? undefined : hasLabels(JSON.stringify(labels)),
    createdAfter === undefined ? undefined : gt(workspaces.createdAt, createdAfter),
    only == null ? undefined : inArray(workspaces.id, [...only]),
  ]
}

const nameOrder = byteOrder(workspaces.name)

// A comparison of rows is one range of the index, where `a > x or (a = x and b > y)` reads all before it.
function isBehind(order: WorkspaceOrder, { id, value }: ListPosition): SQL {
  const operator = order.startsWith('-') ? sql`<` : sql`>`
  return order.endsWith('name')
    ? sql`(${nameOrder}, ${workspaces.id}) ${operator} (${value}::text, ${id}::uuid)`
    : sql`(${workspaces.createdAt}, ${workspaces.id}) ${operator} (${value}::timestamptz, ${id}::uuid)`
}

const positionOf = (order: WorkspaceOrder, { createdAt, id, name }: ShownWorkspace): ListPosition => ({
  value: order.endsWith('name') ? name : createdAt.toISOString(),
  id,
})

const escapeLike = (text: string) => text.replaceAll(/[\\%_]/g, '\\$&')
