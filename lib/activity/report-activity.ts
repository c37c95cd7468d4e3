// Stores the activity that agents report (docs/facts/molecule.md §2.8). Its content is not checked, only whose it is.
import { z } from 'zod'
import type { Store } from '../platform/context.ts'
import { DomainError, workspaceNotFound } from '../platform/errors.ts'
import { boundedJson, boundedText } from '../platform/postgres-text.ts'
import { workspaceIdInput } from '../platform/uuid.ts'
import { ACTIVITY_LIMITS, ACTIVITY_TYPES, toActivityRow } from './activity-row.ts'
import { insertActivities } from './insert-activities.ts'
import { whenUsed } from '../platform/when-used.ts'

const type = z
  .string()
  .max(ACTIVITY_LIMITS.method)
  .nullish()
  .meta({ examples: [...ACTIVITY_TYPES] })

// Agents send "" for none (docs/facts/molecule.md §2.8).
const idOrEmpty = workspaceIdInput((id) => id === '').nullish()

const body = () => boundedJson(z.unknown(), ACTIVITY_LIMITS.body).nullish()

/**
 * The body of POST /workspaces/:id/activity. `type` is another name of `activity_type`, `metadata` of `request_body`.
 */
export const ReportActivityInput = whenUsed(() =>
  z.object({
    activity_type: type,
    type,
    source_id: idOrEmpty,
    target_id: idOrEmpty,
    method: boundedText().max(ACTIVITY_LIMITS.method).nullish(),
    summary: boundedText().max(ACTIVITY_LIMITS.summary).nullish(),
    status: boundedText().max(ACTIVITY_LIMITS.method).nullish(),
    error_detail: boundedText().max(ACTIVITY_LIMITS.errorDetail).nullish(),
    duration_ms: z.number().min(0).nullish(),
    request_body: body(),
    response_body: body(),
    metadata: body(),
    tool_trace: body(),
  }),
)

/**
 * @throws DomainError `invalid_input` for an unknown type; `forbidden` for an activity of another workspace;
 *   `not_found`, also when the workspace is removed
 */
export async function reportActivity(
  { db, now }: Store,
  workspaceId: string,
  input: z.infer<typeof ReportActivityInput>,
): Promise<void> {
  const row = toActivityRow({
    workspaceId,
    type: typeOf(input.activity_type ?? input.type),
    sourceId: workspaceId,
    targetId: input.target_id || null,
    method: input.method || null,
    summary: input.summary ?? '',
    status: input.status || 'ok',
    errorDetail: input.error_detail || null,
    durationMs: input.duration_ms ?? null,
    requestBody: input.request_body ?? input.metadata,
    responseBody: input.response_body,
    toolTrace: input.tool_trace,
    areBodiesChecked: true,
    at: now(),
  })
  if (input.source_id && input.source_id !== workspaceId) {
    throw new DomainError('forbidden', 'source_id must be the workspace itself')
  }
  if ((await insertActivities(db, [row], 'living')) === 0) throw workspaceNotFound()
}

function typeOf(given: string | null | undefined): string {
  const known = ACTIVITY_TYPES.find((name) => name === given)
  if (known !== undefined) return known
  const message = `must be one of ${ACTIVITY_TYPES.join(', ')}`
  throw new DomainError('invalid_input', `invalid activity_type, ${message}`, {
    errors: [{ field: 'activity_type', message }],
  })
}
