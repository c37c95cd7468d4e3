// Records every change that an authenticated caller requests, including refused ones. Requests without a valid
// credential are only counted and logged (functions/http/invalid-tokens.ts): unknown callers could fill the table.
import { createMiddleware } from 'hono/factory'
import { outcomeOf } from '../../lib/audit/audit.ts'
import { type Caller, callerKey } from '../../lib/auth/caller.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { toPostgresText } from '../../lib/platform/postgres-text.ts'
import { normalizeUuid } from '../../lib/platform/uuid.ts'
import type { AppEnv } from '../http/app-env.ts'
import { requestInfo } from '../http/request-info.ts'

/** Routine calls of agents, which their activity records. The same calls of people and programs are audited. */
const ROUTINE = new Set([
  'POST /registry/check-access',
  'POST /workspaces/:id/activity',
  'POST /workspaces/:id/notify',
  'POST /workspaces/:id/delegate',
  'POST /workspaces/:id/delegations/record',
  'POST /workspaces/:id/delegations/:delegation_id/update',
])

/** Reads that return credentials, or may. */
const SENSITIVE = new Set([
  'GET /workspaces/:id/secrets/values',
  'GET /admin/workspaces/:id/test-token',
  'GET /workspaces/:id/files/content',
])

/** Other workspaces in an entry; a body may name thousands. */
const MAX_OTHERS = 100

const isAudited = (route: string, caller: Caller) =>
  SENSITIVE.has(route) || (!route.startsWith('GET ') && !(caller.kind === 'workspace' && ROUTINE.has(route)))

/** Runs around the authorization, and records the outcome after the handler. */
export const auditRequests = (services: Services) =>
  createMiddleware<AppEnv>(async (c, next) => {
    await next()
    const caller = c.get('caller')
    const route = c.get('route')
    if (caller === undefined || route === undefined || !isAudited(route.name, caller)) return
    const { status } = c.res
    const [, created] = /\/workspaces\/([^/]+)$/.exec(c.res.headers.get('location') ?? '') ?? []
    const id = normalizeUuid(route.workspaceId ?? created)
    const others = c.get('otherWorkspaces') ?? []
    const command = c.get('command')
    const entry = {
      caller: callerKey(caller),
      caller_name: caller.kind === 'token' ? caller.name : null,
      route: route.name,
      status,
      outcome: outcomeOf(status),
      address: toPostgresText(requestInfo(services.config, c).address()),
      ...(others.length === 0 ? {} : { other_workspaces: others.slice(0, MAX_OTHERS) }),
      ...(command === undefined ? {} : { command }),
      request_id: c.get('requestId'),
      user_agent: toPostgresText(c.req.header('user-agent')?.slice(0, 200) ?? '') || null,
    }
    const written = services.audit
      .record(id ?? null, entry)
      .catch((error: unknown) =>
        services.log('error', 'an audit entry could not be written', { ...entry, error }),
      )
    c.executionCtx.waitUntil(written)
  })
