// The part of an explanation about the disk: what it is, where it comes from, and what happens to it now.
import type { DiskSource } from '../../drizzle/schema/index.ts'
import { copiesText, type PendingCopy } from '../disks/needed.ts'
import type { Workspace } from '../lifecycle/workspace.ts'

export type DiskExplanation = {
  id: string
  path: string
  state: string
  /** What happens to it now; null at rest. */
  progress: string | null
  region: string | null
  size_gb: number
  volume_id: string | null
  source: DiskSource
  /** What happens when its host does not come back. */
  on_host_loss: 'wait' | 'restore'
}

/** @param copies for which the disk of a removed workspace is still needed */
export function explainDisk(
  { disk, diskPath, onHostLoss }: Workspace,
  copies: PendingCopy[],
): DiskExplanation | null {
  if (disk === null) return null
  return {
    id: disk.id,
    path: diskPath,
    state: disk.state,
    progress: copies.length > 0 ? `it is kept until it is copied: ${copiesText(copies)}` : progressOf(disk),
    region: disk.region,
    size_gb: disk.sizeGb,
    volume_id: disk.volumeId,
    source: disk.source,
    on_host_loss: onHostLoss,
  }
}

function progressOf({ source, state }: NonNullable<Workspace['disk']>): string | null {
  const copied = source.kind === 'empty' ? '' : ` as a copy of ${source.disk_id}`
  switch (state) {
    case 'wanted':
      return source.kind === 'snapshot' && source.snapshot_id === null
        ? `a snapshot of ${source.disk_id} is being taken, to make it of`
        : `it is about to be created${copied}`
    case 'creating':
      return `it is being created${copied}`
    case 'deleting':
      return 'it is being deleted'
    case 'ready':
    case 'missing':
    case 'gone':
      return null
  }
}

/** The line of the explanation for people. */
export function diskLine(disk: DiskExplanation | null): string {
  if (disk === null) return 'disk     none'
  const { id, path, progress, region, size_gb, state } = disk
  const place = region === null ? '' : ` in ${region}`
  return `disk     ${id} at ${path}: ${state}, ${size_gb} GB${place}${progress === null ? '' : `; ${progress}`}`
}
