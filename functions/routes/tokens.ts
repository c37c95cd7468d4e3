// /tokens: API tokens of people and programs; /workspaces/:id/tokens: tokens of one workspace, in Molecule's format
// (docs/facts/molecule.md §2.2). A token is shown once, in the response that creates it.
import { createRoute, z } from '@hono/zod-openapi'
import { SCOPES } from '../../lib/auth/scopes.ts'
import { callerKey } from '../../lib/auth/caller.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import {
  type ApiToken,
  createApiToken,
  CreateTokenInput,
  listApiTokens,
  revokeApiToken,
} from '../../lib/tokens/api-tokens.ts'
import {
  createWorkspaceToken,
  listWorkspaceTokens,
  MAX_TOKENS,
  revokeWorkspaceToken,
} from '../../lib/tokens/workspace-tokens.ts'
import { described } from '../../lib/platform/described.ts'
import { createRouter, IdParam, json, jsonBody, nullableTimestamp, problem } from '../http/openapi.ts'
import { withCaller } from '../http/with-caller.ts'
import { uuidInput } from '../../lib/platform/uuid.ts'

const TokenView = described(() =>
  z
    .object({
      id: z.uuid(),
      prefix: z.string(),
      name: z.string(),
      scopes: z.array(z.enum(SCOPES)),
      workspaces: z.array(z.uuid()).nullable(),
      created_by: z.string(),
      created_at: z.iso.datetime(),
      expires_at: nullableTimestamp,
      last_used_at: nullableTimestamp,
    })
    .openapi('Token'),
)

const createTokenRoute = createRoute({
  method: 'post',
  path: '/tokens',
  operationId: 'createToken',
  description: described(
    () =>
      'Scopes: `read` reads; `operate` also creates, changes and messages workspaces; `exec` also runs commands in their machines, and reads and writes their files; `admin` may do everything. `workspaces` limits the token to some workspaces. Unknown members are refused.',
  ),
  request: { body: jsonBody(CreateTokenInput) },
  responses: described(() => ({
    201: json(TokenView.extend({ token: z.string() }), 'Created. `token` is shown only in this response.'),
    400: problem('A field is invalid.'),
  })),
})

const listTokensRoute = createRoute({
  method: 'get',
  path: '/tokens',
  operationId: 'listTokens',
  responses: described(() => ({
    200: json(z.array(TokenView), 'Tokens that are not revoked, oldest first.'),
  })),
})

const revokeTokenRoute = createRoute({
  method: 'delete',
  path: '/tokens/{id}',
  operationId: 'revokeToken',
  request: { params: z.object({ id: uuidInput().openapi({ param: { name: 'id', in: 'path' } }) }) },
  responses: described(() => ({
    200: json(
      z.object({ status: z.literal('revoked'), id: z.uuid() }),
      'Revoked. Other replicas refuse the token within five seconds.',
    ),
    404: problem('No such token, or it is already revoked.'),
  })),
})

const workspacePath = '/workspaces/{id}/tokens'

const createWorkspaceTokenRoute = createRoute({
  method: 'post',
  path: workspacePath,
  operationId: 'createWorkspaceToken',
  request: { params: IdParam },
  responses: described(() => ({
    201: json(
      z.object({ auth_token: z.string(), workspace_id: z.uuid(), message: z.string() }),
      'A token of this workspace, valid until it is revoked. One that an agent requests is also revoked when the agent restarts with a new token. It is shown only in this response.',
    ),
    404: problem('No such workspace.'),
    429: problem(`The workspace already has ${MAX_TOKENS} tokens.`),
  })),
})

const listWorkspaceTokensRoute = createRoute({
  method: 'get',
  path: workspacePath,
  operationId: 'listWorkspaceTokens',
  request: {
    params: IdParam,
    query: z.object({
      limit: z.coerce.number().int().min(1).max(200).default(50),
      offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
    }),
  },
  responses: described(() => ({
    200: json(
      z.object({
        tokens: z.array(
          z.object({
            id: z.uuid(),
            prefix: z.string(),
            created_at: z.iso.datetime(),
            last_used_at: nullableTimestamp,
          }),
        ),
        count: z.int(),
      }),
      'Tokens that are not revoked, newest first: the one that its machine was launched with, and those created with this API.',
    ),
    404: problem('No such workspace.'),
  })),
})

const revokeWorkspaceTokenRoute = createRoute({
  method: 'delete',
  path: `${workspacePath}/{token}`,
  operationId: 'revokeWorkspaceToken',
  request: { params: IdParam.extend({ token: uuidInput() }) },
  responses: described(() => ({
    200: json(z.object({ status: z.literal('revoked') }), 'Revoked.'),
    404: problem('No such token, or it is already revoked.'),
  })),
})

export function tokenRoutes(services: Services) {
  const app = createRouter()

  app.openapi(createTokenRoute, async (c) => {
    const { row, token } = await createApiToken(services, c.req.valid('json'), callerKey(c.get('caller')))
    c.header('cache-control', 'no-store')
    return c.json({ ...toView(row), token }, 201)
  })
  app.openapi(listTokensRoute, async (c) => c.json((await listApiTokens(services)).map(toView), 200))
  app.openapi(revokeTokenRoute, async (c) => {
    const { id } = c.req.valid('param')
    await revokeApiToken(withCaller(services, c), id)
    return c.json({ status: 'revoked' as const, id }, 200)
  })

  app.openapi(createWorkspaceTokenRoute, async (c) => {
    const { id } = c.req.valid('param')
    const token = await createWorkspaceToken(withCaller(services, c), id, c.get('caller'))
    c.header('cache-control', 'no-store')
    return c.json(
      { auth_token: token, workspace_id: id, message: 'store the token: it is not shown again' },
      201,
    )
  })
  app.openapi(listWorkspaceTokensRoute, async (c) => {
    const rows = await listWorkspaceTokens(services, c.req.valid('param').id, c.req.valid('query'))
    const tokens = rows.map((row) => ({
      id: row.id,
      prefix: row.prefix,
      created_at: row.createdAt.toISOString(),
      last_used_at: row.lastUsedAt?.toISOString() ?? null,
    }))
    return c.json({ tokens, count: tokens.length }, 200)
  })
  app.openapi(revokeWorkspaceTokenRoute, async (c) => {
    const { id, token } = c.req.valid('param')
    await revokeWorkspaceToken(withCaller(services, c), id, token)
    return c.json({ status: 'revoked' as const }, 200)
  })

  return app
}

const toView = (row: ApiToken): z.infer<typeof TokenView> => ({
  id: row.id,
  prefix: row.prefix,
  name: row.name,
  scopes: SCOPES.filter((scope) => row.scopes.includes(scope)),
  workspaces: row.workspaces,
  created_by: row.createdBy,
  created_at: row.createdAt.toISOString(),
  expires_at: row.expiresAt?.toISOString() ?? null,
  last_used_at: row.lastUsedAt?.toISOString() ?? null,
})
