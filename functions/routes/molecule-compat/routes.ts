// MOLECULE_COMPAT=true: everything that it changes, for Molecule's clients of spring 2026, which know nothing of `ready` and
// send no token. On loopback only (lib/config/config.ts), and off unless it is asked for. Its effects:
//
// 1. Without ADMIN_TOKEN the server is open to this computer also where Fly is real (authenticate.ts, isOpen).
// 2. A workspace that is `ready` says `online` (molecule.md §2.4): workspaces, and the peers of one.
// 3. `GET /admin/workspaces/:id/test-token` hands out a token for a workspace (molecule.md §2.2).
// 4. `GET /events/:id`, and `GET /events` without a parameter, list the newest events by Molecule's names (molecule-events.ts).
import { createRoute, z } from '@hono/zod-openapi'
import type { Config } from '../../../lib/config/config.ts'
import { DomainError } from '../../../lib/platform/errors.ts'
import type { Services } from '../../../lib/control-plane/services.ts'
import { createWorkspaceToken } from '../../../lib/tokens/workspace-tokens.ts'
import { STATUSES, type WorkspaceStatus } from '../../../lib/lifecycle/lifecycle.ts'
import { withCaller, createRouter, IdParam, json, problem } from '../../http/openapi.ts'

/** A workspace's status on the wire. */
export const StatusView = z.enum([...STATUSES, 'online'])

export const statusView = (
  { moleculeCompat }: Pick<Config, 'moleculeCompat'>,
  status: WorkspaceStatus,
): z.infer<typeof StatusView> => (moleculeCompat && status === 'ready' ? 'online' : status)

const testTokenRoute = createRoute({
  method: 'get',
  path: '/admin/workspaces/{id}/test-token',
  operationId: 'getTestToken',
  request: { params: IdParam },
  responses: {
    200: json(z.object({ auth_token: z.string(), workspace_id: z.uuid() }), 'A new token of this workspace.'),
    404: problem('No such workspace, or MOLECULE_COMPAT is not set.'),
    429: problem('It has too many tokens: revoke one first.'),
  },
})

export function moleculeCompatRoutes(services: Services) {
  const app = createRouter()
  app.openapi(testTokenRoute, async (c) => {
    if (!services.config.moleculeCompat) {
      throw new DomainError(
        'not_found',
        'test tokens are for MOLECULE_COMPAT: POST /workspaces/:id/tokens makes real ones',
      )
    }
    const { id } = c.req.valid('param')
    c.header('cache-control', 'no-store')
    const token = await createWorkspaceToken(withCaller(services, c), id)
    return c.json({ auth_token: token, workspace_id: id }, 200)
  })
  return app
}
