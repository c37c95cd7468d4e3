// Every table of the control plane. A workspace row holds three things that never mix: what is wanted (status, generation,
// shape), what was last seen (machine_*, agent_*), and when to look again (next_check_at, lease).
import { sql } from 'drizzle-orm'
import {
  type AnyPgColumn,
  bigint,
  check,
  index,
  integer,
  jsonb,
  pgEnum,
  pgTable,
  real,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'

const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' })

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

/** Why a workspace is not ready: a stable code, a sentence, what to do next. Kept after the machine is gone. */
export type StoredReason = { code: string; message: string; hint: string; fly_request_id?: string }

/** One row, made by the first migration. Its id marks our machines at the provider, so two control planes can share an app. */
export const controlPlane = pgTable(
  'control_plane',
  {
    id: uuid('id').primaryKey().defaultRandom(),
    /** Always 1: a second row is a mistake that the database refuses. */
    only: integer('only').notNull().default(1).unique(),
  },
  (table) => [check('control_plane_is_one', sql`${table.only} = 1`)],
)

export const workspaces = pgTable(
  'workspaces',
  {
    id: uuid('id').primaryKey(),

    // What the caller asked for.
    name: text('name').notNull(),
    role: text('role'),
    runtime: text('runtime').notNull(),
    tier: integer('tier').notNull(),
    region: text('region').notNull(),
    model: text('model'),
    parentId: uuid('parent_id').references((): AnyPgColumn => workspaces.id),
    env: jsonb('env').$type<Record<string, string>>().notNull().default({}),
    config: jsonb('config').$type<Record<string, unknown>>().notNull().default({}),
    /** The caller's own image; null means the runtime's. */
    image: text('image'),

    // What is wanted now.
    status: workspaceStatus('status').notNull(),
    reason: jsonb('reason').$type<StoredReason>(),
    /** Grows with every launch or restart that is wanted. Whatever an older one says is history. */
    generation: integer('generation').notNull().default(1),
    /** When `provisioning` or `offline` becomes `failed`. */
    deadlineAt: moment('deadline_at'),

    // The machine. `launch_id` is set before the provider is asked and cleared when the machine is known to be gone:
    // while it is set, a machine may exist and cost money.
    launchId: uuid('launch_id'),
    launchedAt: moment('launched_at'),
    app: text('app'),
    machineId: text('machine_id'),
    machineGeneration: integer('machine_generation'),
    machineState: text('machine_state'),
    machineRegion: text('machine_region'),
    machineImage: text('machine_image'),
    machineSeenAt: moment('machine_seen_at'),
    /** Since when the provider says it has no such machine. Its lists lag, so once is not enough. */
    absentSince: moment('absent_since'),
    /** Recoveries since it was last ready; bounds crash loops. */
    recoveries: integer('recoveries').notNull().default(0),

    // What the agent says of itself.
    agentCard: jsonb('agent_card').$type<Record<string, unknown>>(),
    agentUrl: text('agent_url'),
    registeredAt: moment('registered_at'),
    lastHeartbeatAt: moment('last_heartbeat_at'),
    activeTasks: integer('active_tasks').notNull().default(0),
    currentTask: text('current_task').notNull().default(''),
    errorRate: real('error_rate').notNull().default(0),
    sampleError: text('sample_error').notNull().default(''),
    uptimeSeconds: bigint('uptime_seconds', { mode: 'number' }).notNull().default(0),

    // When to look again, and who is looking. Null: nothing is due.
    nextCheckAt: moment('next_check_at'),
    leaseId: uuid('lease_id'),
    leasedUntil: moment('leased_until'),
    /** Failed attempts in a row; spaces out the next ones. */
    attempts: integer('attempts').notNull().default(0),

    createdAt: moment('created_at').notNull(),
    updatedAt: moment('updated_at').notNull(),
    readyAt: moment('ready_at'),
    removedAt: moment('removed_at'),
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

/** Workspace tokens: the plaintext travels with the machine and is stored nowhere. */
export const workspaceTokens = pgTable(
  'workspace_tokens',
  {
    /** SHA-256 of the token, hex. */
    hash: text('hash').primaryKey(),
    workspaceId: uuid('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    /** First 8 characters, for display. */
    prefix: text('prefix').notNull(),
    /** The generation it was delivered with: its first use ends the tokens of older ones. */
    generation: integer('generation').notNull(),
    createdAt: moment('created_at').notNull(),
    lastUsedAt: moment('last_used_at'),
    revokedAt: moment('revoked_at'),
  },
  (table) => [index('workspace_tokens_workspace').on(table.workspaceId)],
)

/** The ordered log. Every change of a workspace appends its row in the same statement. */
export const events = pgTable(
  'events',
  {
    seq: bigint('seq', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    workspaceId: uuid('workspace_id').notNull(),
    type: text('type').notNull(),
    generation: integer('generation').notNull(),
    payload: jsonb('payload').$type<Record<string, unknown>>().notNull(),
    at: moment('at').notNull(),
  },
  (table) => [index('events_workspace').on(table.workspaceId, table.seq)],
)
