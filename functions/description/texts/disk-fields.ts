// The texts of members about disks and snapshots (fields.ts has the others).

export const DISK_FIELDS: Readonly<Record<string, string>> = {
  disk: 'The persistent disk; null: none.',
  on_host_loss:
    'What happens when the host of the disk does not come back: `wait` for it, or `restore` the newest snapshot.',
  size_gb: 'The size in GB. On Fly every GB is paid, used or not; Docker limits no size.',
  'WorkspaceDisk.path': 'Where the agent finds the disk.',
  made_for: 'The workspace that the disk was made for.',
  volume_id: "The provider's id; null: not known yet.",
  retained_at: 'Since when the disk is kept without a workspace.',
  retained_reason:
    'Why it is kept: its workspace was removed, another disk has taken its place, or a workspace at rest still wants a copy of it.',
  replaced_by: 'The disk that has taken its place; null: none.',
  deleted_at: 'When it was confirmed to be gone.',
  disk_id: 'The id of the disk.',
  replaces: 'The disk that the workspace had before.',
  data_from: 'When the data of the new disk was written last; null: it is a copy of the newest data.',
  data_age_seconds: 'The age of that data; null: it is the newest data.',
  kept_until: 'Until when the disk without a workspace is kept; null: until it is deleted.',
  'Snapshot.created_at': 'When it was taken.',
  snapshot: 'The snapshot.',
  disks: 'The disks.',
  disk_totals: 'How many disks of each kind there are, and what they cost.',
  snapshot_totals:
    'The snapshots of all disks, as they were last listed. On Fly the first 10 GB cost nothing.',
  snapshots: 'How many snapshots.',
  used_gb: 'How much of it is used, as the provider last reported it; null: not known.',
  name: 'The name.',
  from: 'What the new disk starts as a copy of.',
  workspace: 'The id of a workspace.',
  kept_disks: 'The disks that are kept, where the request or DISK_RETENTION_DAYS says so.',
}
