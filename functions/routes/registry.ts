// /registry: registration and heartbeats of agents, in the format of Molecule's runtimes (docs/facts/molecule.md
// §1.4, §1.5, §2.6). The agent's token is checked in the statement that it permits.
import { createRoute, z } from '@hono/zod-openapi'
import {
  HeartbeatInput,
  isWaitingForAgent,
  recordHeartbeat,
  repairedMembers,
} from '../../lib/registry/heartbeat.ts'
import { registerAgent, RegisterInput, updateCard, UpdateCardInput } from '../../lib/registry/register.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { isExternal } from '../../lib/machines/runtimes.ts'
import { reconcileNow } from '../../lib/reconcile/reconcile-now.ts'
import { hashToken } from '../../lib/auth/token.ts'
import { bearerOf } from '../http/authenticate.ts'
import { described } from '../../lib/platform/described.ts'
import { createRouter, jsonBody, problem } from '../http/openapi.ts'

const agentRoute = <Body extends z.ZodType, Answer extends z.ZodType>(
  name: string,
  operationId: string,
  body: Body,
  answer: Answer,
) =>
  createRoute({
    method: 'post',
    path: `/registry/${name}`,
    operationId,
    request: { body: jsonBody(body) },
    responses: described(() => ({
      200: {
        content: { 'application/json': { schema: answer } },
        description: 'Recorded.',
      },
      400: problem('A field is invalid.'),
      401: problem('The token does not belong to this workspace.'),
    })),
  })

/**
 * Newer agents store the secret and require it in every message (docs/facts/molecule.md §1.4, §1.6); older ones
 * ignore it.
 */
const withSecret = <Status extends string>(status: Status) =>
  z.object({ status: z.literal(status), platform_inbound_secret: z.string() })

export function registryRoutes(services: Services) {
  const app = createRouter()

  /** Requests with one token change the same rows. */
  const inTurn = async <Result>(token: string | undefined, work: () => Promise<Result>) =>
    services.inTurn(await hashToken(token ?? ''), work)

  const registered = withSecret('registered').extend({ delivery_mode: z.literal('poll').optional() })
  app.openapi(agentRoute('register', 'registerAgent', RegisterInput, registered), async (c) => {
    const token = bearerOf(c)
    const { row, inboundSecret } = await inTurn(token, () =>
      registerAgent(services, c.req.valid('json'), token),
    )
    if (row !== undefined) c.executionCtx.waitUntil(reconcileNow(services, row.id))
    const mode = row !== undefined && isExternal(row) ? { delivery_mode: 'poll' as const } : {}
    return c.json({ status: 'registered' as const, platform_inbound_secret: inboundSecret, ...mode }, 200)
  })

  app.openapi(agentRoute('heartbeat', 'recordHeartbeat', HeartbeatInput, withSecret('ok')), async (c) => {
    const input = c.req.valid('json')
    const { row, inboundSecret } = await recordHeartbeat(services, input, bearerOf(c))
    for (const member of repairedMembers(await c.req.json(), input))
      services.metrics.count('molecule_heartbeat_repairs_total', { member })
    if (row !== undefined && isWaitingForAgent(row)) c.executionCtx.waitUntil(reconcileNow(services, row.id))
    return c.json({ status: 'ok' as const, platform_inbound_secret: inboundSecret }, 200)
  })

  app.openapi(
    agentRoute('update-card', 'updateAgentCard', UpdateCardInput, z.object({ status: z.literal('updated') })),
    async (c) => {
      const token = bearerOf(c)
      await inTurn(token, () => updateCard(services, c.req.valid('json'), token))
      return c.json({ status: 'updated' as const }, 200)
    },
  )

  return app
}
