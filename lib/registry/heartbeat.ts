// Records heartbeats of agents. A heartbeat with a valid token proves that the agent lives even if it never
// registered (docs/facts/molecule.md §7.7); absent members mean "no change" (docs/facts/molecule.md §1.5).
import { z } from 'zod'
import { noToken, wrongToken } from '../auth/authenticate-agent.ts'
import { inboundSecret } from '../auth/inbound-secret.ts'
import { hashToken } from '../auth/token.ts'
import { isTransient } from '../lifecycle/lifecycle.ts'
import { transition } from '../lifecycle/transition.ts'
import type { Core } from '../platform/context.ts'
import { isObject } from '../platform/json-object.ts'
import { agentNumber, agentText } from '../platform/postgres-text.ts'
import { reasonFor } from '../platform/reasons.ts'
import { uuidInput } from '../platform/uuid.ts'
import type { BeatRow, StoreBeat } from './beat.ts'

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
  services: Core & { storeBeat: StoreBeat },
  input: HeartbeatInput,
  token: string | undefined,
): Promise<{ row: BeatRow | undefined; inboundSecret: string }> {
  if (token === undefined) throw noToken()
  const stored = await services.storeBeat({
    id: input.workspace_id,
    hash: await hashToken(token),
    errorRate: input.error_rate ?? null,
    sampleError: input.sample_error ?? null,
    activeTasks: input.active_tasks ?? null,
    currentTask: input.current_task ?? null,
    uptimeSeconds: input.uptime_seconds ?? null,
  })
  if (stored === undefined) throw wrongToken()
  const { identity, row } = stored
  const { agentKey, generation } = identity
  return {
    row: row === undefined ? undefined : await updateHealth(services, input, row),
    inboundSecret: await inboundSecret(agentKey, input.workspace_id, generation),
  }
}

async function updateHealth(services: Core, input: HeartbeatInput, row: BeatRow): Promise<BeatRow> {
  const event = healthEvent(row, input)
  if (event === undefined) return row
  const reason = event === 'trouble_reported' ? reasonOf(input) : null
  const moved = await transition(services, {
    id: row.id,
    event,
    now: services.now(),
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
