// One activity of a workspace, and its row as values that Postgres always accepts: one invalid character would lose every
// row of the same statement. Most columns of most messages are the same, so they are a text that many rows share.
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

const uuid = (id: string | null) => (isUuid(id) ? id : undefined)

const text = (value: string, max: number) => toPostgresText(value.slice(0, max))
const textIfAny = (value: string | null, max: number) => (value === null ? undefined : text(value, max))

const StorableBody = boundedJson(z.unknown(), ACTIVITY_LIMITS.body)
const body = (value: unknown, isChecked = false) =>
  value !== undefined && (isChecked || StorableBody.safeParse(value).success) ? value : undefined

const duration = (ms: number | null) =>
  ms === null || Number.isNaN(ms) ? null : Math.min(Math.max(Math.round(ms), 0), 2_147_483_647)

/** The columns that rows share, for `jsonb_to_recordset`. */
export const SHARED_COLUMNS = {
  workspace_id: 'uuid',
  activity_type: 'text',
  source_id: 'uuid',
  target_id: 'uuid',
  method: 'text',
  summary: 'text',
  request_body: 'jsonb',
  response_body: 'jsonb',
  tool_trace: 'jsonb',
  status: 'text',
  error_detail: 'text',
} as const

/** `shared`: a JSON object; columns that it does not name are null. `at`: Unix milliseconds. */
export type ActivityRow = { shared: string; durationMs: number | null; at: number }

export const toActivityRow = (entry: ActivityEntry): ActivityRow => rowOf(entry, sharedColumns(entry))

const rowOf = ({ at, durationMs }: ActivityEntry, shared: string): ActivityRow => ({
  shared,
  durationMs: duration(durationMs),
  at: at.getTime(),
})

function sharedColumns(entry: ActivityEntry): string {
  const row: { [Column in keyof typeof SHARED_COLUMNS]: unknown } = {
    workspace_id: entry.workspaceId,
    activity_type: text(entry.type, ACTIVITY_LIMITS.method),
    source_id: uuid(entry.sourceId),
    target_id: uuid(entry.targetId),
    method: textIfAny(entry.method, ACTIVITY_LIMITS.method),
    summary: text(entry.summary, ACTIVITY_LIMITS.summary),
    request_body: body(entry.requestBody, entry.areBodiesChecked),
    response_body: body(entry.responseBody, entry.areBodiesChecked),
    tool_trace: body(entry.toolTrace, entry.areBodiesChecked),
    status: text(entry.status, ACTIVITY_LIMITS.method),
    error_detail: textIfAny(entry.errorDetail, ACTIVITY_LIMITS.errorDetail),
  }
  return JSON.stringify(row)
}

/** Workspaces whose last activity is remembered. */
const MAX_REMEMBERED = 1_000

/** @returns `toActivityRow`, which takes the shared text of a workspace's last activity again where it is the same */
export function createRowMaker(): typeof toActivityRow {
  const lastOf = new Map<string, { entry: ActivityEntry; shared: string }>()
  return (entry) => {
    if (hasBody(entry)) return toActivityRow(entry)
    const last = lastOf.get(entry.workspaceId)
    if (last !== undefined && isSameKind(last.entry, entry)) return rowOf(entry, last.shared)
    const shared = sharedColumns(entry)
    if (lastOf.size >= MAX_REMEMBERED) lastOf.clear()
    lastOf.set(entry.workspaceId, { entry, shared })
    return rowOf(entry, shared)
  }
}

const hasBody = ({ requestBody, responseBody, toolTrace }: ActivityEntry) =>
  requestBody !== undefined || responseBody !== undefined || toolTrace !== undefined

/** For two activities of one workspace without bodies. */
const isSameKind = (a: ActivityEntry, b: ActivityEntry) =>
  a.type === b.type &&
  a.status === b.status &&
  a.method === b.method &&
  a.summary === b.summary &&
  a.sourceId === b.sourceId &&
  a.targetId === b.targetId &&
  a.errorDetail === b.errorDetail
