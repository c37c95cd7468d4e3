// One thing that an agent did or was asked, and how it is written down: as JSON text that Postgres is sure to take, because
// one bad character would lose every row that is written with it.
import { z } from 'zod'
import { boundedJson, toPostgresText } from '../platform/postgres-text.ts'

/** What agents may report (molecule.md §2.8). */
export const ACTIVITY_TYPES = [
  'a2a_send',
  'a2a_receive',
  'task_update',
  'agent_log',
  'skill_promotion',
  'memory_write',
  'error',
] as const

/** Longest texts, in UTF-16 units, and bodies, in bytes as JSON. Doors refuse what is longer; here it is cut or left out. */
export const ACTIVITY_LIMITS = { method: 200, summary: 4_000, errorDetail: 8_000, body: 65_536 } as const

export type ActivityEntry = {
  workspaceId: string
  /** One of {@link ACTIVITY_TYPES}. */
  type: string
  /** The workspace that began it; null: a person. */
  sourceId: string | null
  targetId: string | null
  method: string | null
  summary: string
  durationMs: number | null
  /** Agents may have words of their own for it. */
  status: 'ok' | 'error' | (string & {})
  errorDetail: string | null
  at: Date
  requestBody?: unknown
  responseBody?: unknown
  toolTrace?: unknown
}

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i
const idOf = (id: string | null) => (id !== null && UUID.test(id) ? id : null)

const text = (value: string, max: number) => toPostgresText(value.slice(0, max))
const textOrNull = (value: string | null, max: number) => (value === null ? null : text(value, max))

const StorableBody = boundedJson(z.unknown(), ACTIVITY_LIMITS.body)
const body = (value: unknown) =>
  value !== undefined && StorableBody.safeParse(value).success ? value : undefined

const duration = (ms: number | null) =>
  ms === null ? null : Math.min(Math.max(Math.round(ms), 0), 2_147_483_647)

/** The columns of a row as `jsonb_to_recordset` reads them; `toActivityRow` writes the same names. */
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

/** @returns a JSON object with a new id; its length is what a waiting row costs */
export function toActivityRow(entry: ActivityEntry): string {
  const row: { [Column in keyof typeof ACTIVITY_COLUMNS]: unknown } = {
    id: crypto.randomUUID(),
    workspace_id: entry.workspaceId,
    activity_type: text(entry.type, ACTIVITY_LIMITS.method),
    source_id: idOf(entry.sourceId),
    target_id: idOf(entry.targetId),
    method: textOrNull(entry.method, ACTIVITY_LIMITS.method),
    summary: text(entry.summary, ACTIVITY_LIMITS.summary),
    request_body: body(entry.requestBody),
    response_body: body(entry.responseBody),
    tool_trace: body(entry.toolTrace),
    duration_ms: duration(entry.durationMs),
    status: text(entry.status, ACTIVITY_LIMITS.method),
    error_detail: textOrNull(entry.errorDetail, ACTIVITY_LIMITS.errorDetail),
    created_at: entry.at.toISOString(),
  }
  return JSON.stringify(row)
}
