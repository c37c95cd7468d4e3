// Every table of the control plane. A workspace row holds three things that never mix: what is wanted (status, generation,
// shape), what was last seen (machine_*, agent_*), and when to look again (next_check_at, lease).
import { sql } from 'drizzle-orm'
import {
  type AnyPgColumn,
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgEnum,
  pgTable,
  primaryKey,
  real,
  text,
  timestamp,
  unique,
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
    /** What each agent's inbound secret is derived from (lib/auth/inbound-secret.ts). 244 random bits, as hex. */
    agentKey: text('agent_key')
      .notNull()
      .default(sql`replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '')`),
    /** When a sweep last began, in whichever process. */
    lastSweptAt: moment('last_swept_at'),
    /** Up to which numbers the log has been forgotten: its events, and its audit, which is kept for another time. */
    eventsForgottenSeq: bigint('events_forgotten_seq', { mode: 'number' }).notNull().default(0),
    auditForgottenSeq: bigint('audit_forgotten_seq', { mode: 'number' }).notNull().default(0),
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
    statusChangedAt: moment('status_changed_at').notNull(),
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
    /** When its turn to be made comes: creates are paced per app. Cleared once the provider has been asked. */
    launchSlotAt: moment('launch_slot_at'),
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
    /** When it last did something for somebody: a message through the proxy, or a heartbeat that reports work. */
    lastActiveAt: moment('last_active_at'),

    // When to look again, and who is looking. Null: nothing is due.
    nextCheckAt: moment('next_check_at'),
    leaseId: uuid('lease_id'),
    leasedUntil: moment('leased_until'),
    /** Failed attempts in a row; spaces out the next ones. */
    attempts: integer('attempts').notNull().default(0),
    /** The last thing that the provider refused or did not answer, and when. Shown by explain. */
    lastFailure: jsonb('last_failure').$type<StoredReason & { at: string }>(),

    // The Idempotency-Key that made it: the same key finds this row, its body's fingerprint and the answer that was given.
    idempotencyKey: text('idempotency_key').unique(),
    idempotencyFingerprint: text('idempotency_fingerprint'),
    idempotencyAnswer: jsonb('idempotency_answer').$type<Record<string, unknown>>(),

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
    /** What it is called by those who may not know it. */
    id: uuid('id').notNull().unique().defaultRandom(),
    workspaceId: uuid('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    /** First 8 characters, for display. */
    prefix: text('prefix').notNull(),
    /** The generation it was delivered with: its first use ends the tokens of older ones. Null: asked for, and lives on. */
    generation: integer('generation'),
    createdAt: moment('created_at').notNull(),
    lastUsedAt: moment('last_used_at'),
    revokedAt: moment('revoked_at'),
  },
  (table) => [index('workspace_tokens_workspace').on(table.workspaceId)],
)

/** Tokens of people and programs: named, limited in what they may do and where, and shown once. */
export const apiTokens = pgTable('api_tokens', {
  id: uuid('id').primaryKey(),
  /** SHA-256 of the token, hex. */
  hash: text('hash').notNull().unique(),
  /** First characters, for display. */
  prefix: text('prefix').notNull(),
  name: text('name').notNull(),
  scopes: jsonb('scopes').$type<string[]>().notNull(),
  /** The workspaces it is limited to; null: all. */
  workspaces: jsonb('workspaces').$type<string[]>(),
  /** Who made it, as a caller's key. */
  createdBy: text('created_by').notNull(),
  createdAt: moment('created_at').notNull(),
  expiresAt: moment('expires_at'),
  lastUsedAt: moment('last_used_at'),
  revokedAt: moment('revoked_at'),
})

/** Keys that agents live on, sealed (lib/secrets/seal.ts). A workspace's own wins over one for all. */
export const secrets = pgTable(
  'secrets',
  {
    id: uuid('id').primaryKey(),
    /** Null: for all workspaces. */
    workspaceId: uuid('workspace_id').references(() => workspaces.id),
    key: text('key').notNull(),
    /** Which encryption key sealed it. */
    keyId: text('key_id').notNull(),
    /** Nonce and AES-256-GCM ciphertext, base64, bound to the workspace and the key. */
    sealed: text('sealed').notNull(),
    createdAt: moment('created_at').notNull(),
    updatedAt: moment('updated_at').notNull(),
  },
  (table) => [unique('secrets_once').on(table.workspaceId, table.key).nullsNotDistinct()],
)

/** Doors for other systems: what they send becomes a message to the workspace (lib/webhooks/receive.ts). */
export const hooks = pgTable(
  'hooks',
  {
    id: uuid('id').primaryKey(),
    workspaceId: uuid('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    /** Its place in the address; never changed. */
    name: text('name').notNull(),
    /** How a sender proves itself (lib/webhooks/verify.ts). */
    scheme: text('scheme').notNull(),
    /** From the payload to the message; empty: the payload itself. */
    template: text('template').notNull(),
    /** Names of events it takes; null: all. */
    events: jsonb('events').$type<string[]>(),
    /** Where the id of a delivery is, for a scheme that does not say. */
    deliveryHeader: text('delivery_header'),
    enabled: boolean('enabled').notNull(),
    /** Who made it, as a caller's key. */
    createdBy: text('created_by').notNull(),
    createdAt: moment('created_at').notNull(),
    updatedAt: moment('updated_at').notNull(),
  },
  (table) => [unique('hooks_once').on(table.workspaceId, table.name)],
)

/** What a hook's senders sign with, sealed: one for good and, for a while after it was changed, the one before. */
export const hookSecrets = pgTable(
  'hook_secrets',
  {
    id: uuid('id').primaryKey(),
    hookId: uuid('hook_id')
      .notNull()
      .references(() => hooks.id, { onDelete: 'cascade' }),
    keyId: text('key_id').notNull(),
    sealed: text('sealed').notNull(),
    createdAt: moment('created_at').notNull(),
    /** Null: for good. */
    expiresAt: moment('expires_at'),
  },
  (table) => [index('hook_secrets_hook').on(table.hookId)],
)

/** Limits that all replicas keep together, by the generic cell rate algorithm: when the next one would come if all came evenly. */
export const rateLimits = pgTable(
  'rate_limits',
  {
    key: text('key').primaryKey(),
    nextAt: moment('next_at').notNull(),
  },
  (table) => [index('rate_limits_next').on(table.nextAt)],
)

/** The queue of creates in each app, so that all replicas together keep to Fly's rate. */
export const launchPace = pgTable('launch_pace', {
  app: text('app').primaryKey(),
  /** When the next turn to be given out comes. */
  nextTurnAt: moment('next_turn_at').notNull(),
  /** Theoretical arrival time of the next create, by the generic cell rate algorithm: what was really sent. */
  nextSendAt: moment('next_send_at').notNull(),
})

/** What was learned of each region by asking for machines there. */
export const regionHealth = pgTable('region_health', {
  region: text('region').primaryKey(),
  /** Refusals in a row. */
  failures: integer('failures').notNull().default(0),
  /** Passed over until then; afterwards one launch may try it again. Null: in use. */
  openUntil: moment('open_until'),
  lastFailure: jsonb('last_failure').$type<StoredReason>(),
  lastFailureAt: moment('last_failure_at'),
  lastSuccessAt: moment('last_success_at'),
})

/** Machines with our mark and no workspace. Seen twice and old enough, they are destroyed. */
export const orphans = pgTable('orphans', {
  machineId: text('machine_id').primaryKey(),
  app: text('app').notNull(),
  firstSeenAt: moment('first_seen_at').notNull(),
  lastSeenAt: moment('last_seen_at').notNull(),
  sightings: integer('sightings').notNull().default(1),
  /** Attempts to destroy it that failed. */
  attempts: integer('attempts').notNull().default(0),
  goneAt: moment('gone_at'),
})

/**
 * The ordered log. Every change of a workspace appends its row in the same statement. Rows of the type `audit` say who asked for
 * what, also where it was refused and where it was about no workspace.
 */
export const events = pgTable(
  'events',
  {
    seq: bigint('seq', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    workspaceId: uuid('workspace_id'),
    type: text('type').notNull(),
    generation: integer('generation'),
    payload: jsonb('payload').$type<Record<string, unknown>>().notNull(),
    at: moment('at').notNull(),
  },
  (table) => [
    index('events_workspace').on(table.workspaceId, table.seq),
    index('events_type').on(table.type, table.seq),
  ],
)

export const messageState = pgEnum('message_state', ['queued', 'sending', 'answered', 'failed', 'unknown'])

/** Why a stored message got no answer: a proxy reason (lib/a2a/wire/json-rpc.ts), in words, and whether the agent may have it. */
export type StoredFailure = { reason: string; message: string; delivered: 'yes' | 'no' | 'unknown' }

/**
 * Messages that were accepted to be delivered later, and their answers. A row leaves `queued` before its first byte is sent,
 * so a message that may have been delivered is never sent again. Bodies are base64: the bytes as they came, whatever they are.
 */
export const messages = pgTable(
  'messages',
  {
    id: uuid('id').primaryKey(),
    /** The order of acceptance; messages of one context are delivered in it. */
    seq: bigint('seq', { mode: 'number' }).notNull().generatedAlwaysAsIdentity(),
    workspaceId: uuid('workspace_id')
      .notNull()
      .references(() => workspaces.id),
    /** Who sent it: message ids are unique per sender only (a2a.md §3.7). */
    caller: text('caller').notNull(),
    /** The sender, when it is a workspace that has proven itself. */
    senderId: uuid('sender_id'),
    messageId: text('message_id').notNull(),
    contextId: text('context_id'),
    method: text('method').notNull(),
    request: text('request').notNull(),
    requestHeaders: jsonb('request_headers').$type<Record<string, string>>().notNull(),
    /** SHA-256 of the request, hex: the same message id with another body is refused. */
    fingerprint: text('fingerprint').notNull(),

    state: messageState('state').notNull().default('queued'),
    attempts: integer('attempts').notNull().default(0),
    nextAttemptAt: moment('next_attempt_at').notNull(),
    /** While it is being sent: until when its sender may still be alive. */
    leasedUntil: moment('leased_until'),
    sentAt: moment('sent_at'),

    responseStatus: integer('response_status'),
    responseType: text('response_type'),
    response: text('response'),
    failure: jsonb('failure').$type<StoredFailure>(),
    finishedAt: moment('finished_at'),
    createdAt: moment('created_at').notNull(),
    /** Undelivered by then, it fails; finished, it is forgotten. */
    expiresAt: moment('expires_at').notNull(),
  },
  (table) => [
    uniqueIndex('messages_once').on(table.workspaceId, table.caller, table.messageId),
    index('messages_open')
      .on(table.workspaceId, table.seq)
      .where(sql`${table.state} in ('queued', 'sending')`),
    index('messages_expiry').on(table.expiresAt),
  ],
)

/** What one agent asked another to do: through us, as a stored message, or by itself, when it told us so. */
export const delegations = pgTable(
  'delegations',
  {
    sourceId: uuid('source_id')
      .notNull()
      .references(() => workspaces.id),
    /** Unique per source: agents that delegate by themselves choose it. */
    id: text('id').notNull(),
    targetId: uuid('target_id').notNull(),
    task: text('task').notNull(),
    idempotencyKey: text('idempotency_key'),
    /** The message that carries it; null when the agent delivers it itself. */
    message: uuid('message').unique(),
    status: text('status').notNull(),
    error: text('error'),
    responsePreview: text('response_preview'),
    createdAt: moment('created_at').notNull(),
    updatedAt: moment('updated_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.sourceId, table.id] }),
    uniqueIndex('delegations_once').on(table.sourceId, table.idempotencyKey),
    index('delegations_created').on(table.createdAt),
  ],
)

/** What agents did and were asked, for people to read (molecule.md §2.8). Kept for days; never in the way of a message. */
export const activities = pgTable(
  'activities',
  {
    id: uuid('id').primaryKey(),
    seq: bigint('seq', { mode: 'number' }).notNull().generatedAlwaysAsIdentity(),
    workspaceId: uuid('workspace_id').notNull(),
    type: text('activity_type').notNull(),
    sourceId: uuid('source_id'),
    targetId: uuid('target_id'),
    method: text('method'),
    summary: text('summary').notNull().default(''),
    requestBody: jsonb('request_body').$type<unknown>(),
    responseBody: jsonb('response_body').$type<unknown>(),
    toolTrace: jsonb('tool_trace').$type<unknown>(),
    durationMs: integer('duration_ms'),
    status: text('status').notNull(),
    errorDetail: text('error_detail'),
    createdAt: moment('created_at').notNull(),
  },
  (table) => [
    index('activities_workspace').on(table.workspaceId, table.seq),
    index('activities_created').on(table.createdAt),
  ],
)

/** What became of an attempt that was none: when, the status that was answered (null: none), and in words. */
export type StoredAttempt = { at: string; status: number | null; message: string }

/** Where events are told. Each has read the log up to a number; what could not be told then has a row in `webhook_deliveries`. */
export const webhookEndpoints = pgTable('webhook_endpoints', {
  id: uuid('id').primaryKey(),
  url: text('url').notNull(),
  /** Types of events; `*` is all but `audit`. */
  types: jsonb('types').$type<string[]>().notNull(),
  /** The only workspace it hears of; null: all, and what is about none. */
  workspaceId: uuid('workspace_id'),
  description: text('description').notNull(),
  /** Whether a workspace's later events wait for an earlier one. */
  ordered: boolean('ordered').notNull(),
  createdBy: text('created_by').notNull(),
  createdAt: moment('created_at').notNull(),
  updatedAt: moment('updated_at').notNull(),
  disabledAt: moment('disabled_at'),
  disabledReason: text('disabled_reason').$type<'asked' | 'gone' | 'failing'>(),

  /** The last number of the log that was taken up: told, or kept as a delivery. */
  afterSeq: bigint('after_seq', { mode: 'number' }).notNull(),
  /** Numbers that the log had forgotten before they could be taken up. */
  missed: jsonb('missed').$type<{ from: number; to: number; at: string }>(),

  /** Failures in a row, of whichever event. */
  failures: integer('failures').notNull().default(0),
  failingSince: moment('failing_since'),
  /** Nothing is sent until then: it is down, or asked for it. */
  restsUntil: moment('rests_until'),
  lastSuccessAt: moment('last_success_at'),
  lastFailure: jsonb('last_failure').$type<StoredAttempt>(),

  /** When a kept delivery is due. Events that were not taken up yet are due whatever this says. */
  dueAt: moment('due_at'),
  leaseId: uuid('lease_id'),
  leasedUntil: moment('leased_until'),
})

/** What deliveries are signed with, sealed (lib/secrets/seal.ts): one that lasts and, while it is rotated, those before it. */
export const webhookSecrets = pgTable(
  'webhook_secrets',
  {
    id: uuid('id').primaryKey(),
    endpointId: uuid('endpoint_id')
      .notNull()
      .references(() => webhookEndpoints.id, { onDelete: 'cascade' }),
    keyId: text('key_id').notNull(),
    sealed: text('sealed').notNull(),
    createdAt: moment('created_at').notNull(),
    updatedAt: moment('updated_at').notNull(),
    /** Null: the one that lasts. */
    expiresAt: moment('expires_at'),
  },
  (table) => [index('webhook_secrets_endpoint').on(table.endpointId)],
)

export const webhookDeliveryState = pgEnum('webhook_delivery_state', ['pending', 'dead'])

/** Events that an endpoint could not be told when it took them up. The event itself is in the log. */
export const webhookDeliveries = pgTable(
  'webhook_deliveries',
  {
    endpointId: uuid('endpoint_id')
      .notNull()
      .references(() => webhookEndpoints.id, { onDelete: 'cascade' }),
    seq: bigint('seq', { mode: 'number' }).notNull(),
    /** Deliveries of one lane are made one after the other: a workspace's where order matters, else one's own. */
    lane: text('lane').notNull(),
    state: webhookDeliveryState('state').notNull(),
    attempts: integer('attempts').notNull(),
    firstAttemptAt: moment('first_attempt_at'),
    /** Null: as soon as it is its turn. */
    nextAttemptAt: moment('next_attempt_at'),
    lastFailure: jsonb('last_failure').$type<StoredAttempt>(),
    deadAt: moment('dead_at'),
  },
  (table) => [
    primaryKey({ columns: [table.endpointId, table.seq] }),
    index('webhook_deliveries_lane')
      .on(table.endpointId, table.lane, table.seq)
      .where(sql`${table.state} = 'pending'`),
    index('webhook_deliveries_dead')
      .on(table.deadAt)
      .where(sql`${table.state} = 'dead'`),
  ],
)

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
    trancheSince: moment('tranche_since').notNull(),
    /** Since when all of the tranche have been ready. */
    watchingSince: moment('watching_since'),
    leaseId: uuid('lease_id'),
    leasedUntil: moment('leased_until'),
    createdAt: moment('created_at').notNull(),
    updatedAt: moment('updated_at').notNull(),
    finishedAt: moment('finished_at'),
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
    startedAt: moment('started_at').notNull(),
    readyAt: moment('ready_at'),
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
  updatedAt: moment('updated_at').notNull(),
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
    seenAt: moment('seen_at').notNull(),
  },
  (table) => [
    unique('runtime_images_once').on(table.runtime, table.version),
    index('runtime_images_newest').on(table.runtime, table.seq),
    index('runtime_images_delivery').on(table.source, table.deliveryId),
  ],
)
