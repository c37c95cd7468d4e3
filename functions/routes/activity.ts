// /workspaces/:id/activity and /notify: what an agent did, and its messages to people (docs/facts/molecule.md §2.8).
// The workspace's own agent and administrators use them.
import { createRoute, z } from '@hono/zod-openapi'
import { ACTIVITY_TYPES } from '../../lib/activity/activity-row.ts'
import { type Activity, listActivity } from '../../lib/activity/list-activity.ts'
import { notify, NotifyInput } from '../../lib/activity/notify.ts'
import { reportActivity, ReportActivityInput } from '../../lib/activity/report-activity.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { described } from '../../lib/platform/described.ts'
import { Moment } from '../http/since.ts'
import { createRouter, IdParam, json, jsonBody, problem } from '../http/openapi.ts'
import { uuidInput, workspaceIdInput } from '../../lib/platform/uuid.ts'
import { INBOX_TYPE, readInbox } from '../../lib/messages/inbox.ts'
import { isExternal } from '../../lib/machines/runtimes.ts'
import { getWorkspace } from '../../lib/lifecycle/queries.ts'
import type { Caller } from '../../lib/auth/caller.ts'

/** The largest number of rows in a response. */
const MAX_ROWS = 500

/** The longest time that `since_secs` looks back: 30 days. */
const MAX_SECONDS = 30 * 86_400

const ActivityView = described(() =>
  z
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
    .openapi('Activity'),
)

const listRoute = createRoute({
  method: 'get',
  path: '/workspaces/{id}/activity',
  operationId: 'listActivity',
  request: {
    params: IdParam,
    query: z.object({
      // Molecule's clients may send an empty one, for all.
      type: z.enum(['', ...ACTIVITY_TYPES]).optional(),
      source: z.enum(['canvas', 'agent']).optional(),
      // Molecule's clients may ask for more; they get the maximum.
      limit: z.coerce
        .number()
        .int()
        .min(1)
        .transform((limit) => Math.min(limit, MAX_ROWS))
        .default(100),
      since_id: uuidInput().optional(),
      peer_id: workspaceIdInput().optional(),
      before_ts: Moment.optional(),
      since_secs: z.coerce.number().int().min(1).max(MAX_SECONDS).optional(),
    }),
  },
  responses: described(() => ({
    200: json(
      z.array(ActivityView),
      `Newest first, at most ${MAX_ROWS}, and fewer when bodies are long; with \`since_id\` the rows after that one, oldest first. Source \`canvas\`: started by people; \`agent\`: by workspaces.`,
    ),
    400: problem('A query parameter is invalid.'),
    404: problem('No such workspace.'),
    410: problem('The activity of `since_id` does not exist, or is no longer kept: start again without it.'),
  })),
})

const reportRoute = createRoute({
  method: 'post',
  path: '/workspaces/{id}/activity',
  operationId: 'reportActivity',
  request: {
    params: IdParam,
    body: jsonBody(ReportActivityInput),
  },
  responses: described(() => ({
    200: json(z.object({ status: z.literal('logged') }), 'Recorded.'),
    400: problem('A field is invalid; nothing was recorded.'),
    403: problem('The body names another workspace as its source.'),
    404: problem('No such workspace, or it is removed.'),
  })),
})

const notifyRoute = createRoute({
  method: 'post',
  path: '/workspaces/{id}/notify',
  operationId: 'notify',
  request: {
    params: IdParam,
    body: jsonBody(NotifyInput),
  },
  responses: described(() => ({
    200: json(z.object({ status: z.literal('sent') }), 'Recorded as activity.'),
    400: problem('The message is missing, or a field is invalid.'),
    404: problem('No such workspace, or it is removed.'),
  })),
})

export function activityRoutes(services: Services) {
  const app = createRouter()

  /** Whether an agent that runs elsewhere asks for its messages. */
  const isInboxOf = async (caller: Caller, id: string, type: string | undefined) =>
    type === INBOX_TYPE &&
    caller.kind === 'workspace' &&
    caller.workspaceId === id &&
    isExternal(await getWorkspace(services.db, id))

  app.openapi(listRoute, async (c) => {
    const { id } = c.req.valid('param')
    const {
      before_ts: before,
      peer_id: peerId,
      since_id: sinceId,
      since_secs: seconds,
      ...rest
    } = c.req.valid('query')
    const since = seconds === undefined ? undefined : new Date(services.now().getTime() - seconds * 1_000)
    // Some clients send an empty type for all types.
    const query = { ...rest, type: rest.type || undefined, sinceId, since, before, peerId }
    const rows = (await isInboxOf(c.get('caller'), id, query.type))
      ? await readInbox(services, id, query)
      : await listActivity(services.db, id, query)
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
