// A workspace's row with its disk, as every command passes it around. The disk is read in the same statement.
import { getTableColumns, type SQL, sql } from 'drizzle-orm'
import { fromDriver, rowFromJson } from '../../drizzle/json-rows.ts'
import { disks, diskState, workspaces } from '../../drizzle/schema/index.ts'

export type Disk = typeof disks.$inferSelect

export const DISK_STATES = diskState.enumValues

/** The columns of `workspaces` alone. */
export type WorkspaceRow = typeof workspaces.$inferSelect

export type Workspace = WorkspaceRow & {
  /** The disk that it wants; null: none. */
  disk: Disk | null
}

/** The disk of a row that has a column `disk_id`, as a subquery: an UPDATE can return it. */
const diskOfRow: SQL<Disk | null> =
  sql`(select to_jsonb(disk) from ${disks} disk where disk.id = disk_id)`.mapWith(
    readDisk,
  ) as SQL<Disk | null>

/** The columns of a {@link Workspace}, for `select` and `returning`. */
export const workspaceColumns = { ...getTableColumns(workspaces), disk: diskOfRow.as('disk') }

/** Columns for the work of the control plane, which no answer shows. */
const INTERNAL = [
  'diskId',
  'drainUntil',
  'launchId',
  'launchedAt',
  'launchSlotAt',
  'launchRegion',
  'launchDisk',
  'launchImage',
  'machineSeries',
  'machineGeneration',
  'machineSeenAt',
  'machineVersion',
  'machineSignature',
  'unreachableSince',
  'secretsDelivered',
  'secretsVersion',
  'absentSince',
  'recoveries',
  'lastProbe',
  'busyUntil',
  'nextCheckAt',
  'leaseId',
  'leasedUntil',
  'attempts',
  'lastFailure',
  'idempotencyKey',
  'idempotencyFingerprint',
  'idempotencyAnswer',
] as const satisfies (keyof WorkspaceRow)[]

/** What answers show of a workspace. */
export type ShownWorkspace = Omit<Workspace, (typeof INTERNAL)[number]>

/** The columns of a {@link ShownWorkspace}: a list of many takes a third less time with them. */
export const shownColumns = Object.fromEntries(
  Object.entries(workspaceColumns).filter(([name]) => !(INTERNAL as readonly string[]).includes(name)),
) as Omit<typeof workspaceColumns, (typeof INTERNAL)[number]>

const DISK_COLUMNS = getTableColumns(disks)

function readDisk(value: unknown): Disk {
  return rowFromJson(DISK_COLUMNS, fromDriver(value) as Record<string, unknown>)
}

export { OUTSIDE_STOP_POLICIES } from '../../drizzle/schema/index.ts'
