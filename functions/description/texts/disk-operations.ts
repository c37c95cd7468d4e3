// The texts of operations on disks and snapshots (operations.ts has the others).
import type { OperationText } from './operation-text.ts'

export const DISK_OPERATIONS: Readonly<Record<string, OperationText>> = {
  listDisks: {
    summary: 'List disks',
    description: 'Disks with and without a workspace, oldest first, in pages.',
  },
  getDisk: { summary: 'Read a disk', description: 'A disk can still be read after its deletion.' },
  listSnapshots: {
    summary: 'List the snapshots of a workspace',
    description:
      'Those of its present disk. The provider may take one each day, and keep each for some days.',
  },
  listSnapshotsOfDisk: {
    summary: 'List the snapshots of a disk',
    description: 'Also for a disk that is kept without a workspace.',
  },
  takeSnapshot: {
    summary: 'Take a snapshot of a workspace',
    description: 'Copies the disk as it is now, while the workspace runs.',
  },
  restoreWorkspace: {
    summary: 'Restore a workspace to a snapshot',
    description: 'Its disk becomes a copy of the snapshot. What was written since is on the disk before.',
  },
  deleteDisk: {
    summary: 'Delete a disk that no workspace owns',
    description: 'Its data and its snapshots are lost. The disk of a workspace goes with its workspace.',
  },
}
