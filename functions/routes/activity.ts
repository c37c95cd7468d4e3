// …/activity and …/notify: what an agent did, and what it has to say (molecule.md §2.8). Doors of one workspace, for its own
// agent and for admins.
import { createRoute, z } from '@hono/zod-openapi'
import { ACTIVITY_TYPES } from '../../lib/activity/activity-row.ts'
import { type Activity, listActivity } from '../../lib/activity/list-activity.ts'
import { notify, NotifyInput } from '../../lib/activity/notify.ts'
import { reportActivity, ReportActivityInput } from '../../lib/activity/report-activity.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { boundedText } from '../../lib/platform/postgres-text.ts'
import { createRouter, IdParam, json, jsonBody, problem } from '../http/openapi.ts'

/** Rows in an answer, at most. */
const MOST = 500

const ActivityView = z
  .object({
    id: z.uuid(),
    workspace_id: z.uuid(),
    activity_type: z.string(),
    source_id: z.uuid().nullable(),
    target_id: z.uuid().nullable(),
    method: z.string().nullable(),
    summary: z.string(),
    request_body: z.unknown(),
    response_body: z.unknown(),
    tool_trace: z.unknown(),
    duration_ms: z.int().nullable(),
    status: z.string(),
    error_detail: z.string().nullable(),
    created_at: z.iso.datetime(),
  })
  .openapi('Activity')

const listRoute = createRoute({
  method: 'get',
  path: '/workspaces/{id}/activity',
  operationId: 'listActivity',
  request: {
    params: IdParam,
    query: z.object({
      type: boundedText()
        .max(100)
        .optional()
        .meta({ examples: [...ACTIVITY_TYPES] }),
      source: z.enum(['canvas', 'agent']).optional(),
      // Molecule's clients may ask for more and get what there is to be had.
      limit: z.coerce
        .number()
        .int()
        .min(1)
        .transform((limit) => Math.min(limit, MOST))
        .default(100),
      since_id: z.uuid('must be a UUID').optional(),
    }),
  },
  responses: {
    200: json(
      z.array(ActivityView),
      `The newest first, ${MOST} at most, and fewer where bodies are long; with \`since_id\` what followed that one, the oldest first. Source \`canvas\`: begun by people, \`agent\`: by workspaces.`,
    ),
    400: problem('A query parameter is not valid.'),
    404: problem('No such workspace.'),
    410: problem('The activity of `since_id` is not there (any more): start anew without it.'),
  },
})

const reportRoute = createRoute({
  method: 'post',
  path: '/workspaces/{id}/activity',
  operationId: 'reportActivity',
  request: {
    params: IdParam,
    body: jsonBody(ReportActivityInput),
  },
  responses: {
    200: json(z.object({ status: z.literal('logged') }), 'Kept.'),
    400: problem('A field is not valid; nothing was kept.'),
    403: problem('It names another workspace as its source.'),
    404: problem('No such workspace, or it is removed.'),
  },
})

const notifyRoute = createRoute({
  method: 'post',
  path: '/workspaces/{id}/notify',
  operationId: 'notify',
  request: {
    params: IdParam,
    body: jsonBody(NotifyInput),
  },
  responses: {
    200: json(z.object({ status: z.literal('sent') }), 'Kept, among the activity.'),
    400: problem('There is no message, or a field is not valid.'),
    404: problem('No such workspace, or it is removed.'),
  },
})

export function activityRoutes(services: Services) {
  const app = createRouter()

  app.openapi(listRoute, async (c) => {
    const { id } = c.req.valid('param')
    const { type, source, limit, since_id: sinceId } = c.req.valid('query')
    // An empty type is how some clients say "all".
    const rows = await listActivity(services.db, id, { type: type || undefined, source, limit, sinceId })
    return c.json(rows.map(toView), 200)
  })

  app.openapi(reportRoute, async (c) => {
    const { id } = c.req.valid('param')
    await reportActivity(services, id, c.req.valid('json'))
    return c.json({ status: 'logged' as const }, 200)
  })

  app.openapi(notifyRoute, async (c) => {
    const { id } = c.req.valid('param')
    await notify(services, id, c.req.valid('json'))
    return c.json({ status: 'sent' as const }, 200)
  })

  return app
}

const toView = (row: Activity): z.infer<typeof ActivityView> => ({
  id: row.id,
  workspace_id: row.workspaceId,
  activity_type: row.type,
  source_id: row.sourceId,
  target_id: row.targetId,
  method: row.method,
  summary: row.summary,
  request_body: row.requestBody,
  response_body: row.responseBody,
  tool_trace: row.toolTrace,
  duration_ms: row.durationMs,
  status: row.status,
  error_detail: row.errorDetail,
  created_at: row.createdAt.toISOString(),
})
