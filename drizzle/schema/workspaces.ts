// Workspaces. A row separates the desired state (status, generation, spec), the last observed state (machine_*,
// agent_*), and the schedule of the next check (next_check_at, lease).
import { sql, type SQLWrapper } from 'drizzle-orm'
import {
  type AnyPgColumn,
  bigint,
  boolean,
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
import { forMigrations, timestamp } from './columns.ts'
import type { Drift, StoredReason } from './reason.ts'

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

export const OUTSIDE_STOP_POLICIES = ['sleep', 'restart'] as const
export type OutsideStopPolicy = (typeof OUTSIDE_STOP_POLICIES)[number]

/** A file as it is listed. The digest shows whether it has changed. */
export type WorkspaceFile = { path: string; bytes: number; sha256: string }

type Columns = Record<'regions' | 'runtime', SQLWrapper>

// What indexes and conditions have in common. All is written out, because Postgres compares them word for word.

/** The order of names, the same in every database, and the one in which an index finds beginnings. */
export const byteOrder = (name: SQLWrapper) => sql`${name} collate "C"`

/** The preferred region. */
export const firstRegion = ({ regions }: Columns) => sql`(${regions} ->> 0)`

/** Without a machine there is no tier. */
export const hasTier = ({ runtime }: Columns) => sql`${runtime} <> 'external'`

/** @param wanted labels as JSON */
export const hasLabels = (wanted: SQLWrapper | string) => sql`${workspaces.labels} @> ${wanted}::jsonb`

export const workspaces = pgTable(
  'workspaces',
  {
    id: uuid('id').primaryKey(),

    // The spec, from the caller.
    name: text('name').notNull(),
    /** A name that can be used in place of the id; null: none. */
    slug: text('slug'),
    role: text('role'),
    runtime: text('runtime').notNull(),
    tier: integer('tier').notNull(),
    /** Regions for its machine, by preference. A full region is skipped. */
    regions: jsonb('regions').$type<string[]>().notNull(),
    model: text('model'),
    parentId: uuid('parent_id').references((): AnyPgColumn => workspaces.id),
    env: jsonb('env').$type<Record<string, string>>().notNull().default({}),
    config: jsonb('config').$type<Record<string, unknown>>().notNull().default({}),
    /** Key/value pairs by which people find it. */
    labels: jsonb('labels').$type<Record<string, string>>().notNull().default({}),
    /** The files for its agent, below /configs. Their contents are in `workspace_files`. */
    files: jsonb('files').$type<WorkspaceFile[]>().notNull().default([]),
    /** Whether its card can be read without a token; null: as PUBLIC_AGENT_CARDS says. */
    publicCard: boolean('public_card'),
    /** Whether members that 0.3 messages lack are added on the way to the agent. */
    completesMessages: boolean('completes_messages').notNull().default(true),
    /** The caller's own image; null means the runtime's. */
    image: text('image'),
    /** Idle minutes before hibernation; null: never. */
    idleMinutes: integer('idle_minutes'),
    /** The disk that it wants (`disks`); null: none. */
    diskId: text('disk_id'),
    /** Where the disk is mounted. */
    diskPath: text('disk_path').notNull().default('/workspace'),
    /** What happens when the host of its disk does not come back. */
    onHostLoss: text('on_host_loss').$type<'wait' | 'restore'>().notNull().default('wait'),
    /** What follows when others stop or suspend its machine: the workspace sleeps, or the machine is started again. */
    onOutsideStop: text('on_outside_stop').$type<OutsideStopPolicy>().notNull().default('sleep'),
    /** Incremented by every change of the spec that needs a restart. */
    specVersion: integer('spec_version').notNull().default(1),

    // The desired state.
    status: workspaceStatus('status').notNull(),
    statusChangedAt: timestamp('status_changed_at').notNull(),
    reason: jsonb('reason').$type<StoredReason>(),
    /** Incremented by every requested launch or restart. Results of older generations are ignored. */
    generation: integer('generation').notNull().default(1),
    /** When `provisioning` or `offline` becomes `failed`. */
    deadlineAt: timestamp('deadline_at'),

    /** When a hibernated workspace wakes by itself. Counts only if it is later than the beginning of the sleep. */
    wakeAt: timestamp('wake_at'),
    /** Until when work that is under way delays a requested restart or hibernation. Null: it delays nothing. */
    drainUntil: timestamp('drain_until'),
    /** When the machine of a failed workspace is removed. Null: it had none. Read only while the status is `failed`. */
    machineKeptUntil: timestamp('machine_kept_until'),

    // The machine. `launch_id` is set before the create request and cleared when the machine is known to be gone.
    // While it is set, a machine may exist and cost money.
    launchId: uuid('launch_id'),
    launchedAt: timestamp('launched_at'),
    app: text('app'),
    /** When its create may be sent, because creates are paced per app. Cleared once it has been sent. */
    launchSlotAt: timestamp('launch_slot_at'),
    /** The region of the last launch. */
    launchRegion: text('launch_region'),
    /** The disk of the last launch; a machine keeps its disk for life. */
    launchDisk: text('launch_disk'),
    /** The image of the last launch or update; `machine_image` is what the provider resolved it to. */
    launchImage: text('launch_image'),
    /** Grows when a machine is left behind on a lost host: the next one has another name. */
    machineSeries: integer('machine_series').notNull().default(0),
    machineId: text('machine_id'),
    machineGeneration: integer('machine_generation'),
    machineSpecVersion: integer('machine_spec_version'),
    machineState: text('machine_state'),
    machineRegion: text('machine_region'),
    machineImage: text('machine_image'),
    machineSeenAt: timestamp('machine_seen_at'),
    /** The provider's version of the configuration that we last wrote. Another version was written by others. */
    machineVersion: text('machine_version'),
    /**
     * What the last observation compared: the version and whether the machine is cordoned. A list with another one is
     * new.
     */
    machineSignature: text('machine_signature'),
    /** Differences between what the provider runs and what was requested. Null: none. */
    drift: jsonb('drift').$type<Drift[]>(),
    /** Since when the machine's host has not answered. */
    unreachableSince: timestamp('unreachable_since'),
    /**
     * What was last delivered as secrets, and the version of the app's secrets that has it: a repeated launch waits
     * for it.
     */
    secretsDelivered: text('secrets_delivered'),
    secretsVersion: bigint('secrets_version', { mode: 'number' }),
    /** Since when the provider has not listed the machine. One absence is no proof, because lists lag. */
    absentSince: timestamp('absent_since'),
    /** Recoveries since the workspace was last ready. Bounds crash loops. */
    recoveries: integer('recoveries').notNull().default(0),

    // Reported by the agent.
    agentCard: jsonb('agent_card').$type<Record<string, unknown>>(),
    agentUrl: text('agent_url'),
    /** What the agent last answered to a request for its card. */
    lastProbe: jsonb('last_probe').$type<{ at: string; answered: boolean; detail: string }>(),
    registeredAt: timestamp('registered_at'),
    lastHeartbeatAt: timestamp('last_heartbeat_at'),
    activeTasks: integer('active_tasks').notNull().default(0),
    currentTask: text('current_task').notNull().default(''),
    errorRate: real('error_rate').notNull().default(0),
    sampleError: text('sample_error').notNull().default(''),
    uptimeSeconds: bigint('uptime_seconds', { mode: 'number' }).notNull().default(0),
    /** When it last handled a message of the proxy or reported work in a heartbeat. */
    lastActiveAt: timestamp('last_active_at'),

    /** A request to it has been in flight for long, in some process, which extends this while it lasts. */
    busyUntil: timestamp('busy_until'),

    // The next check and the lease of the process that makes it. Null: nothing is due.
    nextCheckAt: timestamp('next_check_at'),
    leaseId: uuid('lease_id'),
    leasedUntil: timestamp('leased_until'),
    /** Consecutive failed attempts, for the backoff. */
    attempts: integer('attempts').notNull().default(0),
    /** The provider's last refusal or silence, and when. `explain` shows it. */
    /** `since`: when the first of the failures with this code happened, within the status of that time. */
    lastFailure: jsonb('last_failure').$type<StoredReason & { at: string; since?: string }>(),

    // The Idempotency-Key of its create, with the fingerprint of the request body and the answer.
    idempotencyKey: text('idempotency_key').unique(),
    idempotencyFingerprint: text('idempotency_fingerprint'),
    idempotencyAnswer: jsonb('idempotency_answer').$type<Record<string, unknown>>(),

    createdAt: timestamp('created_at').notNull(),
    updatedAt: timestamp('updated_at').notNull(),
    readyAt: timestamp('ready_at'),
    removedAt: timestamp('removed_at'),
  },
  forMigrations((table) => [
    index('workspaces_due')
      .on(table.nextCheckAt)
      .where(sql`${table.nextCheckAt} is not null`),
    index('workspaces_created').on(table.createdAt, table.id),
    // One for each filter of the list, in the order of the list. A workspace is only in those that can find it: every change of its
    // status writes to each of them.
    index('workspaces_parent')
      .on(table.parentId)
      .where(sql`${table.parentId} is not null`),
    index('workspaces_status').on(table.status, table.createdAt, table.id),
    index('workspaces_runtime').on(table.runtime, table.createdAt, table.id),
    index('workspaces_tier').on(table.tier, table.createdAt, table.id).where(hasTier(table)),
    index('workspaces_region')
      .on(firstRegion(table), table.createdAt, table.id)
      .where(sql`${firstRegion(table)} is not null`),
    index('workspaces_name').on(byteOrder(table.name), table.id),
    index('workspaces_labels').using('gin', table.labels.op('jsonb_path_ops')),
    // What the sweep looks at for workspaces to hibernate: those that are awake and have an idle policy.
    index('workspaces_idle')
      .on(table.idleMinutes)
      .where(sql`${table.idleMinutes} is not null and ${table.status} in ('ready', 'degraded')`),
    uniqueIndex('workspaces_slug')
      .on(table.slug)
      .where(sql`${table.slug} is not null and ${table.status} <> 'removed'`),
    uniqueIndex('workspaces_machine')
      .on(table.machineId)
      .where(sql`${table.machineId} is not null`),
  ]),
)
