// A claimed row with its disk, and writes of that disk. Such writes are fenced by the lease of the workspace.
import { type SQL, sql } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import { changeDisk, type DiskChanges } from '../disks/change-disk.ts'
import type { ClaimedWorkspace } from '../lifecycle/queries.ts'
import type { Disk } from '../lifecycle/workspace.ts'
import type { ReconcileContext } from './context.ts'
import { CONTINUE, type StepResult } from './step-result.ts'

export type WithDisk = ClaimedWorkspace & { disk: Disk }

export const hasDisk = (row: ClaimedWorkspace): row is WithDisk => row.disk !== null

/** A condition of a statement about another table. */
export const holdsItsLease = ({ id, leaseId }: ClaimedWorkspace): SQL =>
  sql`exists (select from ${workspaces} where ${workspaces.id} = ${id}::uuid and ${workspaces.leaseId} = ${leaseId}::uuid)`

/** What the disk contained, or was to start from, no longer exists. */
export async function loseDisk(services: ReconcileContext, row: WithDisk): Promise<StepResult> {
  await changeDisk(services, {
    id: row.disk.id,
    now: services.now(),
    where: holdsItsLease(row),
    changes: { state: 'missing' },
    logs: { event: 'disk_missing', payload: {} },
  })
  return CONTINUE
}

export const setDisk = (services: ReconcileContext, row: WithDisk, changes: DiskChanges) =>
  changeDisk(services, { id: row.disk.id, now: services.now(), where: holdsItsLease(row), changes })
