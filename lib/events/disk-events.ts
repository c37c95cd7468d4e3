// The types of events about disks (event-types.ts has all others). They belong to the workspace that a disk was made for.
import { z } from 'zod'
import { described } from '../platform/described.ts'
import { ofDisk } from './event-payloads.ts'

export const DISK_EVENTS = {
  disk_created: described(() => ({ says: 'A disk was created, and is ready.', payload: ofDisk({}) })),
  disk_adopted: described(() => ({
    says: 'A disk was found that an earlier request without an answer had created.',
    payload: ofDisk({}),
  })),
  disk_grown: described(() => ({
    says: 'A disk has a larger size.',
    payload: ofDisk({ needs_restart: z.boolean() }),
  })),
  disk_missing: described(() => ({
    says: 'The provider has not shown the disk for a while. No empty disk takes its place.',
    payload: ofDisk({}),
  })),
  disk_replaced: described(() => ({
    says: 'The workspace gets another disk in place of `replaces`; `data_age_seconds` says how old its data is, where it is not the newest.',
    payload: ofDisk({
      replaces: z.string(),
      cause: z.enum(['host_full', 'host_lost', 'moved', 'restored']),
      data_from: z.iso.datetime().nullable(),
      data_age_seconds: z.int().nullable(),
      kept_until: z.iso.datetime().nullable(),
    }),
  })),
  disk_retained: described(() => ({
    says: 'A disk is kept after its workspace was removed; without `kept_until`, until it is deleted.',
    payload: ofDisk({ kept_until: z.iso.datetime().nullable() }),
  })),
  disk_deleted: described(() => ({
    says: 'A disk is confirmed to be deleted, with its data.',
    payload: ofDisk({}),
  })),
  snapshot_taken: described(() => ({ says: 'A snapshot of a disk was requested.', payload: ofDisk({}) })),
  orphan_disk_deleted: described(() => ({
    says: 'A disk with our name that is in no record was deleted, because DELETE_ORPHAN_DISKS_AFTER_HOURS says so.',
    payload: z.strictObject({ app: z.string(), volume_id: z.string(), name: z.string() }),
  })),
} as const
