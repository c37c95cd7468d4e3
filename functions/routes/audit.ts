// The audit: notes every change that somebody who has proven who they are asked for, also where it was refused; and GET /audit
// shows it. What strangers try is counted and logged (functions/http/authenticate.ts): they could fill a table.
import { createRoute, z } from '@hono/zod-openapi'
import { createMiddleware } from 'hono/factory'
import { listAudit, outcomeOf, recordAudit } from '../../lib/audit/audit.ts'
import { callerKey } from '../../lib/auth/caller.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { boundedText, toPostgresText } from '../../lib/platform/postgres-text.ts'
import { isUuid } from '../../lib/platform/uuid.ts'
import type { AppEnv } from '../http/app-env.ts'
import { createRouter, json, problem } from '../http/openapi.ts'
import { requestInfo } from '../http/request-info.ts'

/** What agents say all day; it is in their activity. */
const CHATTER = new Set([
  'POST /registry/check-access',
  'POST /workspaces/:id/activity',
  'POST /workspaces/:id/notify',
  'POST /workspaces/:id/delegate',
  'POST /workspaces/:id/delegations/record',
  'POST /workspaces/:id/delegations/:delegation_id/update',
])

/** Reads that hand out what opens something. */
const SENSITIVE = new Set(['GET /workspaces/:id/secrets/values', 'GET /admin/workspaces/:id/test-token'])

const isAudited = (door: string) => SENSITIVE.has(door) || (!door.startsWith('GET ') && !CHATTER.has(door))

/** Stands before the guard, and looks at what has become of the request when it is answered. */
export function createAudit(services: Services) {
  return createMiddleware<AppEnv>(async (c, next) => {
    await next()
    const caller = c.get('caller')
    const door = c.get('door')
    if (caller === undefined || door === undefined || !isAudited(door.name)) return
    const { status } = c.res
    const [, made] = /\/workspaces\/([^/]+)$/.exec(c.res.headers.get('location') ?? '') ?? []
    const id = (door.workspaceId ?? made ?? '').toLowerCase()
    const entry = {
      caller: callerKey(caller),
      caller_name: caller.kind === 'token' ? caller.name : null,
      door: door.name,
      status,
      outcome: outcomeOf(status),
      address: toPostgresText(requestInfo(services.config, c).address()),
      request_id: c.get('requestId'),
      user_agent: toPostgresText(c.req.header('user-agent')?.slice(0, 200) ?? '') || null,
    }
    const written = recordAudit(services, isUuid(id) ? id : null, entry).catch((error: unknown) =>
      services.log('error', 'an audit entry could not be written', { ...entry, error }),
    )
    c.executionCtx.waitUntil(written)
  })
}

const AuditView = z
  .object({
    seq: z.int(),
    at: z.iso.datetime(),
    caller: z.string(),
    caller_name: z.string().nullable(),
    door: z.string(),
    workspace_id: z.uuid().nullable(),
    status: z.int(),
    outcome: z.enum(['ok', 'refused', 'failed']),
    address: z.string(),
    request_id: z.string(),
    user_agent: z.string().nullable(),
  })
  .openapi('AuditEntry')

const auditRoute = createRoute({
  method: 'get',
  path: '/audit',
  operationId: 'listAudit',
  request: {
    query: z.object({
      after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
      limit: z.coerce.number().int().min(1).max(1000).default(100),
      workspace_id: z.uuid('must be a UUID').optional(),
      caller: boundedText().max(200).optional(),
    }),
  },
  responses: {
    200: json(
      z.object({ audit: z.array(AuditView), next: z.int().nullable() }),
      'Who asked for what, the newest first; with `after` onwards from that `seq`, the oldest first, and `next` is what to ask for after these.',
    ),
    400: problem('A query parameter is not valid.'),
  },
})

export function auditRoutes(services: Services) {
  const app = createRouter()
  app.openapi(auditRoute, async (c) => {
    const { after, caller, limit, workspace_id } = c.req.valid('query')
    const audit = await listAudit(services, { after, caller, limit, workspaceId: workspace_id })
    const next = after === undefined ? audit[0]?.seq : audit.at(-1)?.seq
    return c.json({ audit, next: next ?? after ?? null }, 200)
  })
  return app
}
