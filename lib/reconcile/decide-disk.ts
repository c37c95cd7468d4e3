// The decisions about a workspace's disk, for the times when it has no machine or must get another one. Pure; decide.ts
// and decide-started.ts ask here.
import { isTransient } from '../lifecycle/lifecycle.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import { reasonFor } from '../platform/reasons.ts'
import type { Machine } from '../provisioner/provisioner.ts'
import type { Step } from './step.ts'

/** The next step of a workspace without a machine, for which one is wanted: its disk first, then the machine. */
export function beforeLaunch(workspace: Workspace): Step {
  const { disk } = workspace
  switch (disk?.state) {
    case undefined:
      return { do: 'launch' }
    case 'wanted':
      return disk?.source.kind === 'snapshot' && disk.source.snapshot_id === null
        ? { do: 'take_snapshot' }
        : { do: 'create_disk' }
    case 'creating':
      return { do: 'find_disk' }
    case 'ready':
      return mustMove(workspace) ? { do: 'move_disk' } : { do: 'launch' }
    case 'missing':
    case 'deleting':
    case 'gone':
      return onLost(workspace)
  }
}

/** An empty disk never takes the place of one that held data. */
function onLost(workspace: Workspace): Step {
  const reason = reasonFor('disk_lost', {
    app: workspace.disk?.app ?? null,
    detail: workspace.disk?.id ?? null,
  })
  if (!isTransient(workspace.status)) return { do: 'replace', reason }
  return workspace.onHostLoss === 'restore' ? { do: 'restore_disk', reason } : { do: 'give_up', reason }
}

/** Whether the disk is in a region that is no longer wanted: a disk keeps its region for life. */
const mustMove = ({ disk, regions }: Workspace): boolean =>
  disk?.state === 'ready' && disk.region !== null && !regions.includes(disk.region)

/**
 * The step for a machine that has an older generation's spec. It keeps its region and its disk for life: where another
 * one is wanted, it goes, after what its agent wrote has reached the disk.
 */
export function onOutdated(workspace: Workspace, machine: Machine): Step {
  const hasItsDisk = workspace.launchDisk === workspace.diskId
  if (hasItsDisk && workspace.regions.includes(machine.region)) return { do: 'update' }
  if (workspace.launchDisk !== null && machine.phase === 'started') return { do: 'stop' }
  return hasItsDisk && mustMove(workspace) ? { do: 'move_disk' } : { do: 'destroy' }
}

/** The next step of a workspace that is at rest: a create of its disk that was not confirmed may have made one. */
export const settleDisk = ({ disk }: Workspace): Step => ({
  do: disk?.state === 'creating' ? 'find_disk' : 'rest',
})

/** The next step of a removed workspace whose machine is gone: its disk goes after it, if it was not kept. */
export function afterRemoval({ disk }: Workspace): Step {
  switch (disk?.state) {
    case undefined:
    case 'gone':
      return { do: 'rest' }
    case 'wanted':
      return { do: 'forget_disk' }
    case 'creating':
      return disk?.volumeId == null ? { do: 'find_disk' } : { do: 'delete_disk' }
    case 'ready':
    case 'missing':
    case 'deleting':
      return { do: 'delete_disk' }
  }
}
