// Disks: every volume that this control plane ever asked its provider for. A volume carries no metadata, so this ledger
// and the volume's derived name are all that says whose it is.
import { sql } from 'drizzle-orm'
import { bigint, index, integer, jsonb, pgEnum, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { forMigrations, timestamp } from './columns.ts'
import type { StoredReason } from './reason.ts'

/**
 * `wanted`: no create was sent. `creating`: a create was sent, and the volume is not known to be usable. `missing`: the
 * provider has not shown it for a while. `gone`: confirmed to be deleted, or never created.
 */
export const diskState = pgEnum('disk_state', ['wanted', 'creating', 'ready', 'deleting', 'gone', 'missing'])

/**
 * Where a disk's first content comes from. A snapshot without an id is still to be taken of the disk: it is one that is
 * not among the `known` ones, which are listed before it is requested. `for_copy`: it was taken for this disk alone, so another
 * one can take its place.
 */
export type DiskSource =
  | { kind: 'empty' }
  | { kind: 'disk'; disk_id: string }
  | { kind: 'snapshot'; disk_id: string; snapshot_id: string; taken_at: string; for_copy?: true }
  | { kind: 'snapshot'; disk_id: string; snapshot_id: null; known: string[] | null }

/** Why a disk is kept without a workspace. */
export type RetainedReason = 'workspace_removed' | 'replaced' | 'copy_wanted'

export const disks = pgTable(
  'disks',
  {
    /** `disk_` and 16 characters of lower-case base32. */
    id: text('id').primaryKey(),
    /** The workspace that owns it; null: a retained disk, or one that is gone. */
    workspaceId: uuid('workspace_id'),
    /** The workspace that it was made for. Never changes. */
    madeFor: uuid('made_for').notNull(),
    state: diskState('state').notNull(),
    sizeGb: integer('size_gb').notNull(),
    source: jsonb('source').$type<DiskSource>().notNull(),

    // Chosen when its create is sent. A volume never leaves its app and region.
    app: text('app'),
    region: text('region'),
    /** The provider's id; null until its answer is stored. */
    volumeId: text('volume_id'),
    /** When the last create was sent. While `creating`, a volume may exist and cost money. */
    requestedAt: timestamp('requested_at'),
    /** How often the provider was asked in vain for what that create made. */
    looks: integer('looks').notNull().default(0),
    createdAt: timestamp('created_at'),
    /** When a machine first had it. Before that it contains nothing that its source does not. */
    mountedAt: timestamp('mounted_at'),

    // The last observation.
    providerState: text('provider_state'),
    usedBytes: bigint('used_bytes', { mode: 'number' }),
    snapshots: integer('snapshots'),
    /** What its snapshots occupied when they were last listed. */
    snapshotBytes: bigint('snapshot_bytes', { mode: 'number' }),
    seenAt: timestamp('seen_at'),
    /** Since when the provider has not shown it. One absence is no proof. */
    absentSince: timestamp('absent_since'),
    lastFailure: jsonb('last_failure').$type<StoredReason & { at: string }>(),

    // After its time in a workspace.
    retainedAt: timestamp('retained_at'),
    retainedReason: text('retained_reason').$type<RetainedReason>(),
    /** When it is deleted; null: only on request. */
    retainedUntil: timestamp('retained_until'),
    /** The disk that has taken its place. */
    replacedBy: text('replaced_by'),
    deletedAt: timestamp('deleted_at'),

    insertedAt: timestamp('inserted_at').notNull(),
  },
  forMigrations((table) => [
    uniqueIndex('disks_workspace').on(table.workspaceId),
    uniqueIndex('disks_volume').on(table.volumeId),
    index('disks_kept')
      .on(table.insertedAt, table.id)
      .where(sql`${table.state} <> 'gone'`),
  ]),
)

/** Volumes with our name that are in no record. They are reported, and deleted only where a setting says so. */
export const orphanDisks = pgTable('orphan_disks', {
  volumeId: text('volume_id').primaryKey(),
  app: text('app').notNull(),
  name: text('name').notNull(),
  firstSeenAt: timestamp('first_seen_at').notNull(),
  lastSeenAt: timestamp('last_seen_at').notNull(),
  sightings: integer('sightings').notNull().default(1),
  goneAt: timestamp('gone_at'),
})
