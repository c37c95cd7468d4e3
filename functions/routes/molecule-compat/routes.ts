// MOLECULE_COMPAT: the status `ready` under the name that Molecule's clients know, and tokens of workspaces for their tests
// (docs/facts/molecule.md §2.2, §2.4). docs/molecule.md lists all that the setting changes.
import { createRoute, z } from '@hono/zod-openapi'
import type { Config } from '../../../lib/config/config.ts'
import { DomainError } from '../../../lib/platform/errors.ts'
import type { Services } from '../../../lib/control-plane/services.ts'
import { createWorkspaceToken } from '../../../lib/tokens/workspace-tokens.ts'
import { STATUSES, type WorkspaceStatus } from '../../../lib/lifecycle/lifecycle.ts'
import { described } from '../../../lib/platform/described.ts'
import { createRouter, IdParam, json, problem } from '../../http/openapi.ts'
import { withCaller } from '../../http/with-caller.ts'

/** A workspace's status in responses. */
export const StatusView = described(() => z.enum([...STATUSES, 'online']))

export const statusView = (
  { moleculeCompat }: Pick<Config, 'moleculeCompat'>,
  status: WorkspaceStatus,
): z.infer<typeof StatusView> => (moleculeCompat && status === 'ready' ? 'online' : status)

const testTokenRoute = createRoute({
  method: 'get',
  path: '/admin/workspaces/{id}/test-token',
  operationId: 'getTestToken',
  request: { params: IdParam },
  responses: described(() => ({
    200: json(z.object({ auth_token: z.string(), workspace_id: z.uuid() }), 'A new token of the workspace.'),
    404: problem('No such workspace, or MOLECULE_COMPAT is not set.'),
    429: problem('The workspace has too many tokens: revoke one first.'),
  })),
})

export function moleculeCompatRoutes(services: Services) {
  const app = createRouter()
  app.openapi(testTokenRoute, async (c) => {
    if (!services.config.moleculeCompat) {
      throw new DomainError('not_found', 'this route needs MOLECULE_COMPAT: use POST /workspaces/:id/tokens')
    }
    const { id } = c.req.valid('param')
    c.header('cache-control', 'no-store')
    const token = await createWorkspaceToken(withCaller(services, c), id, c.get('caller'))
    return c.json({ auth_token: token, workspace_id: id }, 200)
  })
  return app
}
