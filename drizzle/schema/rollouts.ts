// Rollouts of images, and the images that were published for each runtime.
import { sql } from 'drizzle-orm'
import {
  bigint,
  index,
  integer,
  jsonb,
  pgEnum,
  pgTable,
  primaryKey,
  text,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { forMigrations, timestamp } from './columns.ts'
import type { RolloutReason, StoredReason } from './reason.ts'
import { workspaces } from './workspaces.ts'

export const rolloutState = pgEnum('rollout_state', [
  'running',
  'halted',
  'rolling_back',
  'rolled_back',
  'completed',
])

/** The requested plan of a rollout (lib/rollouts/plan.ts). */
export type RolloutPlan = {
  /** How many workspaces run the image at the end of each tranche; the last number covers all. */
  targets: number[]
  max_failures: number
  /** Null: the provisioning timeout. */
  ready_seconds: number | null
  watch_seconds: number
  busy_seconds: number
  when_busy: 'skip' | 'wait' | 'restart'
}

/** A new image for all workspaces of a runtime without an image of their own, one tranche at a time. */
export const rollouts = pgTable(
  'rollouts',
  {
    id: uuid('id').primaryKey(),
    runtime: text('runtime').notNull(),
    /** With its digest, once that is known. */
    image: text('image').notNull(),
    /** The image that a rollback restores. */
    previousImage: text('previous_image').notNull(),
    /** The publication that started it; null: a caller started it. */
    publicationId: uuid('publication_id'),
    startedBy: text('started_by').notNull(),
    plan: jsonb('plan').$type<RolloutPlan>().notNull(),
    /** Canary workspaces, after which the rollout waits for a command. Null: any workspace that is free. */
    only: jsonb('only').$type<string[]>(),
    /** Crashes before the rollout, for comparison. */
    baseline: jsonb('baseline').$type<{ deaths: number; workspaces: number; seconds: number }>().notNull(),
    /** The last event before the rollout. Later events may be its effect. */
    afterSeq: bigint('after_seq', { mode: 'number' }).notNull(),

    state: rolloutState('state').notNull().default('running'),
    /** Why it was halted or rolled back. */
    reason: jsonb('reason').$type<RolloutReason>(),
    tranche: integer('tranche').notNull().default(0),
    trancheSince: timestamp('tranche_since').notNull(),
    /** Since when all workspaces of the tranche have been ready. */
    watchingSince: timestamp('watching_since'),
    leaseId: uuid('lease_id'),
    leasedUntil: timestamp('leased_until'),
    createdAt: timestamp('created_at').notNull(),
    updatedAt: timestamp('updated_at').notNull(),
    finishedAt: timestamp('finished_at'),
  },
  forMigrations((table) => [
    uniqueIndex('rollouts_active')
      .on(table.runtime)
      .where(sql`${table.state} in ('running', 'halted', 'rolling_back')`),
    index('rollouts_created').on(table.createdAt, table.id),
  ]),
)

/** The workspaces that a rollout has reached. `left`: paused, hibernated or removed before its result was known. */
export const rolloutWorkspaces = pgTable(
  'rollout_workspaces',
  {
    rolloutId: uuid('rollout_id')
      .notNull()
      .references(() => rollouts.id),
    workspaceId: uuid('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    tranche: integer('tranche').notNull(),
    state: text('state')
      .$type<'updating' | 'ready' | 'failed' | 'left' | 'restoring' | 'restored'>()
      .notNull(),
    reason: jsonb('reason').$type<StoredReason | RolloutReason>(),
    startedAt: timestamp('started_at').notNull(),
    readyAt: timestamp('ready_at'),
  },
  forMigrations((table) => [
    primaryKey({ columns: [table.rolloutId, table.workspaceId] }),
    index('rollout_workspaces_workspace').on(table.workspaceId),
  ]),
)

/** The image that a rollout has set for a runtime. It takes precedence over the configuration. */
export const runtimeDefaults = pgTable('runtime_defaults', {
  runtime: text('runtime').primaryKey(),
  image: text('image').notNull(),
  rolloutId: uuid('rollout_id').notNull(),
  updatedAt: timestamp('updated_at').notNull(),
})

/** Images that were published for a runtime, according to registry webhooks. */
export const runtimeImages = pgTable(
  'runtime_images',
  {
    id: uuid('id').primaryKey(),
    seq: bigint('seq', { mode: 'number' }).notNull().generatedAlwaysAsIdentity(),
    runtime: text('runtime').notNull(),
    image: text('image').notNull(),
    /** Null: the sender did not include one. */
    digest: text('digest'),
    tag: text('tag').notNull(),
    /** Identifies the publication, from signed content. Delivery ids are not signed. */
    version: text('version').notNull(),
    source: text('source').notNull(),
    deliveryId: text('delivery_id').notNull(),
    seenAt: timestamp('seen_at').notNull(),
  },
  forMigrations((table) => [
    unique('runtime_images_once').on(table.runtime, table.version),
    index('runtime_images_newest').on(table.runtime, table.seq),
    index('runtime_images_delivery').on(table.source, table.deliveryId),
  ]),
)
