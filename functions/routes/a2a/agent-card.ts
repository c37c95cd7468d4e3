// The agent card of a workspace, below its A2A URL and one level up, with its new and its old name: clients resolve
// the URL of the card differently (docs/facts/a2a.md §3.1).
import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { fetchAgentCard } from '../../../lib/a2a/fetch-agent-card.ts'
import { encodeBase64Url } from '../../../lib/platform/encoding.ts'
import type { Services } from '../../../lib/control-plane/services.ts'
import type { AppEnv } from '../../http/app-env.ts'
import { rejectForgedCaller } from '../../http/verify-caller-header.ts'
import { described } from '../../../lib/platform/described.ts'
import { IdParam, problem } from '../../http/openapi.ts'
import { toInvalidInput } from '../../http/problem.ts'
import { publicUrlOf } from '../../http/public-url.ts'

/** How long callers may cache a card. */
const MAX_AGE_SECONDS = 60

export function agentCardRoutes(services: Services) {
  const app = new OpenAPIHono<AppEnv>()

  const serve = async (c: Context<AppEnv>) => {
    const parsed = IdParam.safeParse({ id: c.req.param('id') })
    if (!parsed.success) throw toInvalidInput(parsed.error)
    const { id } = parsed.data
    const { body, isStored } = await fetchAgentCard(services, {
      id,
      version: c.req.header('a2a-version') ?? c.req.query('A2A-Version'),
      publicUrl: publicUrlOf(services.config, c),
    })
    const etag = await etagOf(body)
    const headers = {
      'content-type': 'application/json',
      'x-content-type-options': 'nosniff',
      'cache-control': `${c.get('caller') === undefined ? 'public' : 'private'}, max-age=${MAX_AGE_SECONDS}`,
      vary: 'A2A-Version, Authorization',
      etag,
      ...(isStored ? { 'x-agent-card': 'stored' } : {}),
    }
    if (matches(c.req.header('if-none-match'), etag)) return c.body(null, 304, headers)
    return c.body(body, 200, headers)
  }

  for (const base of ['/workspaces/:id/a2a', '/workspaces/:id']) {
    for (const name of ['agent-card.json', 'agent.json'])
      app.get(`${base}/.well-known/${name}`, rejectForgedCaller, serve)
  }
  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/workspaces/{id}/a2a/.well-known/agent-card.json',
    operationId: 'getAgentCard',
    description: described(
      () =>
        'Also as `agent.json`, and both below `/workspaces/{id}/.well-known/`. Every URL in the card leads to this proxy. `A2A-Version` selects the format, where the agent offers more than one.',
    ),
    request: { params: IdParam },
    responses: described(() => ({
      200: {
        description:
          'The card. `X-Agent-Card: stored`: the agent does not answer now, and this is its last known card.',
        content: { 'application/json': { schema: z.looseObject({}) } },
      },
      304: { description: 'The card has not changed.' },
      404: problem('No such workspace.'),
      409: problem('The workspace is paused and has no card yet, or its agent offers only gRPC.'),
      503: problem('The agent has not provided a card yet.'),
    })),
  })
  return app
}

async function etagOf(body: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(body))
  return `"${encodeBase64Url(new Uint8Array(digest).subarray(0, 16))}"`
}

const matches = (header: string | undefined, etag: string) =>
  header !== undefined &&
  header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag || tag.trim() === '*')
