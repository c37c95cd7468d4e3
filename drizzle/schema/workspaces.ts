// Workspaces. A row holds three things that never mix: what is wanted (status, generation, shape), what was last seen
// (machine_*, agent_*), and when to look again (next_check_at, lease).
import { sql } from 'drizzle-orm'
import {
  type AnyPgColumn,
  bigint,
  index,
  integer,
  jsonb,
  pgEnum,
  pgTable,
  real,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { timestamp } from './columns.ts'
import type { StoredReason } from './reason.ts'

export const workspaceStatus = pgEnum('workspace_status', [
  'provisioning',
  'ready',
  'degraded',
  'offline',
  'failed',
  'paused',
  'hibernated',
  'removed',
])

export const workspaces = pgTable(
  'workspaces',
  {
    id: uuid('id').primaryKey(),

    // What the caller asked for.
    name: text('name').notNull(),
    role: text('role'),
    runtime: text('runtime').notNull(),
    tier: integer('tier').notNull(),
    /** Where its machine may be, best first. More than one lets a full region be passed over. */
    regions: jsonb('regions').$type<string[]>().notNull(),
    model: text('model'),
    parentId: uuid('parent_id').references((): AnyPgColumn => workspaces.id),
    env: jsonb('env').$type<Record<string, string>>().notNull().default({}),
    config: jsonb('config').$type<Record<string, unknown>>().notNull().default({}),
    /** The caller's own image; null means the runtime's. */
    image: text('image'),
    /** Minutes without work after which it hibernates; null: never. */
    idleMinutes: integer('idle_minutes'),
    /** Grows with every change of the above that a machine only gets by a restart. */
    specVersion: integer('spec_version').notNull().default(1),

    // What is wanted now.
    status: workspaceStatus('status').notNull(),
    statusChangedAt: timestamp('status_changed_at').notNull(),
    reason: jsonb('reason').$type<StoredReason>(),
    /** Grows with every launch or restart that is wanted. Whatever an older one says is history. */
    generation: integer('generation').notNull().default(1),
    /** When `provisioning` or `offline` becomes `failed`. */
    deadlineAt: timestamp('deadline_at'),

    // The machine. `launch_id` is set before the provider is asked and cleared when the machine is known to be gone:
    // while it is set, a machine may exist and cost money.
    launchId: uuid('launch_id'),
    launchedAt: timestamp('launched_at'),
    app: text('app'),
    /** When its turn to be made comes: creates are paced per app. Cleared once the provider has been asked. */
    launchSlotAt: timestamp('launch_slot_at'),
    /** The region that the last launch asked for. */
    launchRegion: text('launch_region'),
    /** The image that the last launch or update asked for; `machine_image` is what the backend made of it. */
    launchImage: text('launch_image'),
    machineId: text('machine_id'),
    machineGeneration: integer('machine_generation'),
    machineSpecVersion: integer('machine_spec_version'),
    machineState: text('machine_state'),
    machineRegion: text('machine_region'),
    machineImage: text('machine_image'),
    machineSeenAt: timestamp('machine_seen_at'),
    /** Since when the provider says it has no such machine. Its lists lag, so once is not enough. */
    absentSince: timestamp('absent_since'),
    /** Recoveries since it was last ready; bounds crash loops. */
    recoveries: integer('recoveries').notNull().default(0),

    // What the agent says of itself.
    agentCard: jsonb('agent_card').$type<Record<string, unknown>>(),
    agentUrl: text('agent_url'),
    registeredAt: timestamp('registered_at'),
    lastHeartbeatAt: timestamp('last_heartbeat_at'),
    activeTasks: integer('active_tasks').notNull().default(0),
    currentTask: text('current_task').notNull().default(''),
    errorRate: real('error_rate').notNull().default(0),
    sampleError: text('sample_error').notNull().default(''),
    uptimeSeconds: bigint('uptime_seconds', { mode: 'number' }).notNull().default(0),
    /** When it last did something for somebody: a message through the proxy, or a heartbeat that reports work. */
    lastActiveAt: timestamp('last_active_at'),

    // When to look again, and who is looking. Null: nothing is due.
    nextCheckAt: timestamp('next_check_at'),
    leaseId: uuid('lease_id'),
    leasedUntil: timestamp('leased_until'),
    /** Failed attempts in a row; spaces out the next ones. */
    attempts: integer('attempts').notNull().default(0),
    /** The last thing that the provider refused or did not answer, and when. Shown by explain. */
    lastFailure: jsonb('last_failure').$type<StoredReason & { at: string }>(),

    // The Idempotency-Key that made it: the same key finds this row, its body's fingerprint and the answer that was given.
    idempotencyKey: text('idempotency_key').unique(),
    idempotencyFingerprint: text('idempotency_fingerprint'),
    idempotencyAnswer: jsonb('idempotency_answer').$type<Record<string, unknown>>(),

    createdAt: timestamp('created_at').notNull(),
    updatedAt: timestamp('updated_at').notNull(),
    readyAt: timestamp('ready_at'),
    removedAt: timestamp('removed_at'),
  },
  (table) => [
    index('workspaces_due')
      .on(table.nextCheckAt)
      .where(sql`${table.nextCheckAt} is not null`),
    index('workspaces_created').on(table.createdAt, table.id),
    index('workspaces_parent').on(table.parentId),
    uniqueIndex('workspaces_machine').on(table.machineId),
  ],
)
