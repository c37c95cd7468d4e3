// One activity of a workspace, and its row as texts that Postgres always accepts: one invalid character would lose every
// row of the same statement.
import { z } from 'zod'
import { boundedJson, toPostgresText } from '../platform/postgres-text.ts'
import { isUuid } from '../platform/uuid.ts'

/** Types that agents may report (docs/facts/molecule.md §2.8). */
export const ACTIVITY_TYPES = [
  'a2a_send',
  'a2a_receive',
  'task_update',
  'agent_log',
  'skill_promotion',
  'memory_write',
  'error',
] as const

/**
 * Longest texts, in UTF-16 units, and bodies, in bytes as JSON. Routes refuse longer ones; here texts are cut and
 * bodies left out.
 */
export const ACTIVITY_LIMITS = { method: 200, summary: 4_000, errorDetail: 8_000, body: 65_536 } as const

export type ActivityEntry = {
  workspaceId: string
  /** One of {@link ACTIVITY_TYPES}. */
  type: string
  /** The workspace that started it; null for a person. */
  sourceId: string | null
  targetId: string | null
  method: string | null
  summary: string
  durationMs: number | null
  /** Agents may report other texts. */
  status: 'ok' | 'error' | (string & {})
  errorDetail: string | null
  at: Date
  requestBody?: unknown
  responseBody?: unknown
  toolTrace?: unknown
  /** The three bodies were checked, so that they can be stored as they are. */
  areBodiesChecked?: boolean
}

/** The columns of a row, in the order of {@link ActivityRow}. */
export const ACTIVITY_COLUMNS = {
  id: 'uuid',
  workspace_id: 'uuid',
  activity_type: 'text',
  source_id: 'uuid',
  target_id: 'uuid',
  method: 'text',
  summary: 'text',
  request_body: 'jsonb',
  response_body: 'jsonb',
  tool_trace: 'jsonb',
  duration_ms: 'integer',
  status: 'text',
  error_detail: 'text',
  created_at: 'timestamptz',
} as const

/** A value for each column, written as an element of a Postgres array. */
export type ActivityRow = readonly string[]

const NULL = 'NULL'

/** Text that needs no quotes in an array; `NULL` would be no text. */
const PLAIN = /^(?!null$)[\w./:-]+$/i

const element = (value: string) =>
  PLAIN.test(value) ? value : `"${/["\\]/.test(value) ? value.replaceAll(/["\\]/g, '\\$&') : value}"`

const uuid = (id: string | null) => (isUuid(id) ? id : NULL)

const text = (value: string | null, max: number) =>
  value === null ? NULL : element(toPostgresText(value.slice(0, max)))

const StorableBody = boundedJson(z.unknown(), ACTIVITY_LIMITS.body)
const body = (value: unknown, isChecked = false) =>
  value !== undefined && value !== null && (isChecked || StorableBody.safeParse(value).success)
    ? element(JSON.stringify(value))
    : NULL

const duration = (ms: number | null) =>
  ms === null || Number.isNaN(ms) ? NULL : `${Math.min(Math.max(Math.round(ms), 0), 2_147_483_647)}`

/** @returns a row with a new id */
export const toActivityRow = (entry: ActivityEntry): ActivityRow => [
  crypto.randomUUID(),
  element(entry.workspaceId),
  text(entry.type, ACTIVITY_LIMITS.method),
  uuid(entry.sourceId),
  uuid(entry.targetId),
  text(entry.method, ACTIVITY_LIMITS.method),
  text(entry.summary, ACTIVITY_LIMITS.summary),
  body(entry.requestBody, entry.areBodiesChecked),
  body(entry.responseBody, entry.areBodiesChecked),
  body(entry.toolTrace, entry.areBodiesChecked),
  duration(entry.durationMs),
  text(entry.status, ACTIVITY_LIMITS.method),
  text(entry.errorDetail, ACTIVITY_LIMITS.errorDetail),
  entry.at.toISOString(),
]
