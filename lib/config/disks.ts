// Settings of disks: their size, and how long they are kept without a workspace.
import { integer, number, setting } from './setting.ts'

/** The largest volume that Fly makes, in GB. */
export const MAX_DISK_GB = 500

export const DISKS = {
  /** The size of the disk of a workspace that names none, in GB; 0: no disk. */
  defaultGb: setting('WORKSPACE_DISK_GB', integer(0, MAX_DISK_GB).default(1)),
  /** Days for which the disk of a removed workspace is kept; 0: it is deleted with its workspace. */
  retentionDays: setting('DISK_RETENTION_DAYS', integer(0, 3_650).default(0)),
  /** The age at which an orphaned disk is deleted, in hours; unset: never. */
  orphanHours: setting('DELETE_ORPHAN_DISKS_AFTER_HOURS', number(1, 87_600).optional()),
}
