// GET /me: who the caller is and what its token may do, so that a program offers its user nothing that would be refused.
import { createRoute, z } from '@hono/zod-openapi'
import type { Caller } from '../../lib/auth/caller.ts'
import { includesScope, SCOPES } from '../../lib/auth/scopes.ts'
import { described } from '../../lib/platform/described.ts'
import { createRouter, json } from '../http/openapi.ts'

const MeView = described(() =>
  z
    .object({
      kind: z
        .enum(['admin', 'token', 'workspace'])
        .describe(
          '`admin`: ADMIN_TOKEN, or no token on an open server. `token`: an API token. `workspace`: the token of a workspace.',
        ),
      name: z.string().nullable().describe('The name of an API token; null for others.'),
      scopes: z
        .array(z.enum(SCOPES))
        .describe('Every scope that the token has, with those that it includes. A workspace token has none.'),
      workspaces: z
        .array(z.uuid())
        .nullable()
        .describe('The ids of the workspaces to which the token is limited; null: all.'),
    })
    .openapi('Me'),
)

const meRoute = createRoute({
  method: 'get',
  path: '/me',
  operationId: 'getMe',
  responses: described(() => ({ 200: json(MeView, 'The caller, as its token identifies it.') })),
})

export function meRoutes() {
  const app = createRouter()
  app.openapi(meRoute, (c) => c.json(toMeView(c.get('caller')), 200))
  return app
}

function toMeView(caller: Caller): z.infer<typeof MeView> {
  switch (caller.kind) {
    case 'admin':
      return { kind: 'admin', name: null, scopes: [...SCOPES], workspaces: null }
    case 'token': {
      const scopes = SCOPES.filter((scope) => includesScope(caller.scope, scope))
      return { kind: 'token', name: caller.name, scopes, workspaces: caller.workspaces?.slice() ?? null }
    }
    case 'workspace':
    case 'hook':
    case 'schedule':
      return { kind: 'workspace', name: null, scopes: [], workspaces: [caller.workspaceId] }
  }
}
