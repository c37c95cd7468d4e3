// Records heartbeats of agents. A heartbeat with a valid token proves that the agent lives even if it never
// registered (docs/facts/molecule.md §7.7); absent members mean "no change" (docs/facts/molecule.md §1.5).
import { and, eq, gt, ne, or, sql } from 'drizzle-orm'
import { z } from 'zod'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { workspaces } from '../../drizzle/schema/index.ts'
import { type AgentIdentity, identityOf, noToken, tokenUse, wrongToken } from '../auth/authenticate-agent.ts'
import { inboundSecret } from '../auth/inbound-secret.ts'
import { hashToken } from '../auth/token.ts'
import { isTransient } from '../lifecycle/lifecycle.ts'
import { transition } from '../lifecycle/transition.ts'
import type { WorkspaceRow } from '../lifecycle/workspace.ts'
import type { Core, Store } from '../platform/context.ts'
import { isObject } from '../platform/json-object.ts'
import { agentNumber, agentText } from '../platform/postgres-text.ts'
import { reasonFor } from '../platform/reasons.ts'
import { uuidInput } from '../platform/uuid.ts'

/** Counts of agents fit the column: a whole number of at most 31 bits. */
const count = agentNumber(0, 2_147_483_647)
  .transform((value) => (value == null ? value : Math.trunc(value)))
  .optional()

/** The longest text that a heartbeat may contain; what is longer is cut. */
const MAX_TEXT_LENGTH = 4_096

/**
 * The body of POST /registry/heartbeat (docs/facts/molecule.md §1.5). Unknown members are ignored. An agent cannot act on an error, so
 * unusable values are repaired or ignored, and the rest of the heartbeat counts.
 */
export const HeartbeatInput = z.object({
  workspace_id: uuidInput(),
  // The column is a `real`, which Postgres does not read from a number outside its range.
  error_rate: agentNumber(0, 1)
    .transform((value) => (value == null ? value : Math.fround(value)))
    .optional(),
  sample_error: agentText(MAX_TEXT_LENGTH).optional(),
  active_tasks: count,
  current_task: agentText(MAX_TEXT_LENGTH).optional(),
  uptime_seconds: count,
  runtime_state: agentText(100).optional(),
})

type HeartbeatInput = z.infer<typeof HeartbeatInput>

/** What a heartbeat reads of its workspace. */
type BeatRow = Pick<WorkspaceRow, 'id' | 'status' | 'generation' | 'reason' | 'errorRate'>

const REPAIRED = [
  'error_rate',
  'sample_error',
  'active_tasks',
  'current_task',
  'uptime_seconds',
  'runtime_state',
] as const

/**
 * Counts members that were cut, moved into their range or ignored, for a metric that shows agents with such values. Pure.
 * @param sent the body as the agent sent it
 */
export function repairedMembers(sent: unknown, input: HeartbeatInput): string[] {
  if (!isObject(sent)) return []
  return REPAIRED.filter((name) => {
    const value = Object.hasOwn(sent, name) ? sent[name] : undefined
    // The column of the rate is a `real`.
    return value !== input[name] && !(typeof value === 'number' && Math.fround(value) === input[name])
  })
}

/**
 * @returns the row, undefined when the agent belongs to an earlier generation; and the secret by which the agent
 *   authenticates the proxy
 * @throws DomainError `unauthenticated`
 */
export async function recordHeartbeat(
  services: Core,
  input: HeartbeatInput,
  token: string | undefined,
): Promise<{ row: BeatRow | undefined; inboundSecret: string }> {
  if (token === undefined) throw noToken()
  const now = services.now()
  const { identity, row } = await storeHeartbeat(services, input, token, now)
  const { agentKey, generation } = identity
  return {
    row: row === undefined ? undefined : await updateHealth(services, input, row, now),
    inboundSecret: await inboundSecret(agentKey, input.workspace_id, generation),
  }
}

type BeatValues = {
  id: string
  hash: string
  now: Date
  errorRate: number | null
  sampleError: string | null
  activeTasks: number | null
  currentTask: string | null
  uptimeSeconds: number | null
}

/** Heartbeats are frequent, so one statement checks the token and stores the heartbeat. A null changes nothing. */
const beatStatement = prepared((db, valueOf: ValueOf<BeatValues>) => {
  const now = sql`${valueOf('now')}::timestamptz`
  const activeTasks = sql`${valueOf('activeTasks')}::integer`
  const { used, older } = tokenUse(db, valueOf('hash'), now)
  const beat = db
    .update(workspaces)
    .set({
      lastHeartbeatAt: now,
      // A workspace with active tasks is not idle, and its idle time begins when they end.
      lastActiveAt: sql`case when ${activeTasks} > 0 or (${activeTasks} = 0 and ${workspaces.activeTasks} > 0) then ${now} else ${workspaces.lastActiveAt} end`,
      errorRate: sql`coalesce(${valueOf('errorRate')}::real, ${workspaces.errorRate})`,
      sampleError: sql`coalesce(${valueOf('sampleError')}::text, ${workspaces.sampleError})`,
      activeTasks: sql`coalesce(${activeTasks}, ${workspaces.activeTasks})`,
      currentTask: sql`coalesce(${valueOf('currentTask')}::text, ${workspaces.currentTask})`,
      // Partial heartbeats report 0 (docs/facts/molecule.md §1.5): the uptime never falls within one generation.
      uptimeSeconds: sql`greatest(${workspaces.uptimeSeconds}, ${valueOf('uptimeSeconds')}::bigint)`,
      nextCheckAt: sql`case when ${workspaces.status} in ('provisioning', 'offline') then ${now} else ${workspaces.nextCheckAt} end`,
    })
    .where(
      and(
        eq(workspaces.id, valueOf('id')),
        sql`${workspaces.id} = (select workspace_id from used)`,
        or(
          sql`${workspaces.generation} = coalesce((select generation from used), ${workspaces.generation})`,
          // A restart waits for the work of the program before it, which says when that has ended.
          and(
            eq(workspaces.status, 'provisioning'),
            gt(workspaces.drainUntil, now),
            sql`${workspaces.machineGeneration} = (select generation from used)`,
          ),
        ),
        ne(workspaces.status, 'removed'),
      ),
    )
    .returning({
      id: workspaces.id,
      status: workspaces.status,
      generation: workspaces.generation,
      reason: workspaces.reason,
      errorRate: workspaces.errorRate,
    })
  const stored = db.$with('beat').as(beat)
  return db
    .with(used, older, stored)
    .select()
    .from(used)
    .leftJoin(stored, sql`true`)
})

/** @throws DomainError `unauthenticated` */
async function storeHeartbeat(
  { db }: Store,
  input: HeartbeatInput,
  token: string,
  now: Date,
): Promise<{ identity: AgentIdentity; row: BeatRow | undefined }> {
  const [found] = await beatStatement(db, {
    id: input.workspace_id,
    hash: await hashToken(token),
    now,
    errorRate: input.error_rate ?? null,
    sampleError: input.sample_error ?? null,
    activeTasks: input.active_tasks ?? null,
    currentTask: input.current_task ?? null,
    uptimeSeconds: input.uptime_seconds ?? null,
  })
  if (found?.used.workspaceId !== input.workspace_id) throw wrongToken()
  return { identity: identityOf(found.used), row: found.beat ?? undefined }
}

async function updateHealth(
  services: Core,
  input: HeartbeatInput,
  row: BeatRow,
  now: Date,
): Promise<BeatRow> {
  const event = healthEvent(row, input)
  if (event === undefined) return row
  const reason = event === 'trouble_reported' ? reasonOf(input) : null
  const moved = await transition(services, {
    id: row.id,
    event,
    now,
    fence: { generation: row.generation },
    changes: { reason },
    payload: {
      error_rate: row.errorRate,
      runtime_state: input.runtime_state ?? '',
      ...(reason === null ? {} : { reason }),
    },
  })
  return moved ?? row
}

/**
 * Whether the workspace's status waits for its agent, so that it can be reconciled now instead of at the next sweep.
 */
export const isWaitingForAgent = (row: BeatRow) => isTransient(row.status)

// The thresholds are Molecule's (docs/facts/molecule.md §2.7). Its CLI sends `ok` when nothing is wrong
// (docs/facts/molecule.md §8.1).
function healthEvent(row: BeatRow, input: HeartbeatInput): 'trouble_reported' | 'trouble_ended' | undefined {
  const wedged = input.runtime_state === 'wedged'
  const rate = input.error_rate ?? row.errorRate
  if (row.status === 'ready' && (wedged || rate >= 0.5)) return 'trouble_reported'
  const isItsReport = row.reason?.code !== 'not_reachable_by_http'
  if (row.status === 'degraded' && isItsReport && !wedged && input.error_rate != null && rate < 0.1)
    return 'trouble_ended'
  return undefined
}

const reasonOf = (input: HeartbeatInput) =>
  input.runtime_state === 'wedged'
    ? reasonFor('wedged')
    : reasonFor('high_error_rate', { detail: `${Math.round((input.error_rate ?? 1) * 100)}%` })
