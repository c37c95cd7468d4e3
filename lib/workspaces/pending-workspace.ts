// New workspaces with the values of the statement that stores them, and what its answer says about each.
import { diskRecords } from '../disks/new-disk.ts'
import type { ClaimedWorkspace } from '../lifecycle/queries.ts'
import { payloadOf } from '../lifecycle/transition.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import { machineTier } from '../machines/runtimes.ts'
import type { Store } from '../platform/context.ts'
import { type Quota, quotaValues } from '../platform/distributed-rate-limit.ts'
import type { sealAll } from '../secrets/sealing-key.ts'
import type { PreparedFile } from './files-input.ts'
import { type Always, cellOf, type Cells, COLUMNS, type Parts } from './insert-statement.ts'
import { fileRecords } from './store-files.ts'

export type NewWorkspace = {
  row: Workspace
  by: Store['by']
  sealed: Awaited<ReturnType<typeof sealAll>>
  files: PreparedFile[]
  /** Of which it consumes one request. */
  quota: Quota
}

export type Pending = NewWorkspace & {
  cells: Cells
  /** Of its event, as JSON. */
  payload: string
}

/** What a claim of the workspace, whose lease was stored with it, has beside its row. */
export type Stored = Pick<ClaimedWorkspace, 'controlPlane' | 'agentKey'>

/** `repeated`: the idempotency key is taken, or the parent is removed; `over_quota`: the quota is used up. Then nothing was stored. */
export type Outcome = Stored | 'repeated' | 'over_quota'

export type InsertPending = (one: Pending) => Promise<Outcome>

export function pendingOf(workspace: NewWorkspace): Pending {
  const { by, row } = workspace
  const { image, labels, name, parentId, regions, runtime, slug } = row
  const facts = { name, slug, runtime, tier: machineTier(row), regions, image, parent_id: parentId, labels }
  const payload = payloadOf(by, { event: 'workspace_created', payload: facts })
  const cells = { ...EMPTY }
  for (const column of COLUMNS) cells[column] = cellOf(row[column])
  return { ...workspace, cells, payload }
}

/** Read from a text, because V8 keeps a wide object whose members are added one after the other as a hash table. */
const EMPTY = JSON.parse(JSON.stringify(Object.fromEntries(COLUMNS.map((column) => [column, null])))) as Cells

/** @param together of one quota */
export const alwaysOf = (together: Pending[], quota: Quota): Always => ({
  ...quotaValues(quota, together.length),
  payloads: `{${together.map(({ payload, row }) => `"${row.id}":${payload}`).join(',')}}`,
})

export const partRecords = (together: Pending[]): Parts => ({
  secretRecords: JSON.stringify(
    together.flatMap(({ row, sealed }) => sealed.map((secret) => ({ ...secret, workspaceId: row.id }))),
  ),
  fileRecords: fileRecords(together.map(({ files, row }) => ({ id: row.id, files }))),
  diskRecords: diskRecords(together.flatMap(({ row }) => row.disk ?? [])),
})

/** @returns the outcome of each, from the answer of the statement. All are `over_quota` if one is */
export function outcomesOf(
  rows: ({ isAllowed: boolean; id: string | null } & Stored)[],
): (one: Pending) => Outcome {
  if (rows[0]?.isAllowed !== true) return () => 'over_quota'
  const stored = new Map(rows.map(({ agentKey, controlPlane, id }) => [id, { agentKey, controlPlane }]))
  return ({ row }) => stored.get(row.id) ?? 'repeated'
}
