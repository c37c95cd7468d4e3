// Images: rollouts of new ones, and what was published for each runtime.
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
import { timestamp } from './columns.ts'
import type { StoredReason } from './reason.ts'
import { workspaces } from './workspaces.ts'

export const rolloutState = pgEnum('rollout_state', [
  'running',
  'halted',
  'rolling_back',
  'rolled_back',
  'completed',
])

/** How a rollout goes about it, as it was asked for (lib/rollouts/plan.ts). */
export type RolloutPlan = {
  /** Workspaces that run the image by the end of each tranche; the last one is all of them. */
  targets: number[]
  max_failures: number
  /** Null: as long as provisioning may take. */
  ready_seconds: number | null
  watch_seconds: number
  busy_seconds: number
  when_busy: 'skip' | 'wait' | 'restart'
}

/** Another image for all workspaces of a runtime that have none of their own, a few at a time. */
export const rollouts = pgTable(
  'rollouts',
  {
    id: uuid('id').primaryKey(),
    runtime: text('runtime').notNull(),
    /** With a digest, as soon as one is known. */
    image: text('image').notNull(),
    /** What is gone back to. */
    previousImage: text('previous_image').notNull(),
    /** The publication that started it; null: somebody asked. */
    publicationId: uuid('publication_id'),
    startedBy: text('started_by').notNull(),
    plan: jsonb('plan').$type<RolloutPlan>().notNull(),
    /** Who is to try it first; after them it waits for a word. Null: whoever has time. */
    only: jsonb('only').$type<string[]>(),
    /** Deaths before, to compare with. */
    baseline: jsonb('baseline').$type<{ deaths: number; workspaces: number; seconds: number }>().notNull(),
    /** The last event before it began: what is later may be its doing. */
    afterSeq: bigint('after_seq', { mode: 'number' }).notNull(),

    state: rolloutState('state').notNull().default('running'),
    /** Why it does not go on, or was taken back. */
    reason: jsonb('reason').$type<StoredReason>(),
    tranche: integer('tranche').notNull().default(0),
    trancheSince: timestamp('tranche_since').notNull(),
    /** Since when all of the tranche have been ready. */
    watchingSince: timestamp('watching_since'),
    leaseId: uuid('lease_id'),
    leasedUntil: timestamp('leased_until'),
    createdAt: timestamp('created_at').notNull(),
    updatedAt: timestamp('updated_at').notNull(),
    finishedAt: timestamp('finished_at'),
  },
  (table) => [
    uniqueIndex('rollouts_active')
      .on(table.runtime)
      .where(sql`${table.state} in ('running', 'halted', 'rolling_back')`),
    index('rollouts_created').on(table.createdAt, table.id),
  ],
)

/** The workspaces that a rollout has reached. `left`: paused, put to sleep or removed before it could be judged. */
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
    reason: jsonb('reason').$type<StoredReason>(),
    startedAt: timestamp('started_at').notNull(),
    readyAt: timestamp('ready_at'),
  },
  (table) => [
    primaryKey({ columns: [table.rolloutId, table.workspaceId] }),
    index('rollout_workspaces_workspace').on(table.workspaceId),
  ],
)

/** The image of a runtime once a rollout has had to do with it; wins over what is configured. */
export const runtimeDefaults = pgTable('runtime_defaults', {
  runtime: text('runtime').primaryKey(),
  image: text('image').notNull(),
  rolloutId: uuid('rollout_id').notNull(),
  updatedAt: timestamp('updated_at').notNull(),
})

/** Images that were published for a runtime, as webhooks told. */
export const runtimeImages = pgTable(
  'runtime_images',
  {
    id: uuid('id').primaryKey(),
    seq: bigint('seq', { mode: 'number' }).notNull().generatedAlwaysAsIdentity(),
    runtime: text('runtime').notNull(),
    image: text('image').notNull(),
    /** Null: the sender does not say. */
    digest: text('digest'),
    tag: text('tag').notNull(),
    /** What tells it from another publication, out of what was signed: ids of deliveries are not. */
    version: text('version').notNull(),
    source: text('source').notNull(),
    deliveryId: text('delivery_id').notNull(),
    seenAt: timestamp('seen_at').notNull(),
  },
  (table) => [
    unique('runtime_images_once').on(table.runtime, table.version),
    index('runtime_images_newest').on(table.runtime, table.seq),
    index('runtime_images_delivery').on(table.source, table.deliveryId),
  ],
)
