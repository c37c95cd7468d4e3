// POST /webhooks/github and /webhooks/gitea: a forge reports that an image was published. The signature is checked
// before anything else. Without the secret of a forge, its route answers 404.
import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { DomainError, invalidField } from '../../lib/platform/errors.ts'
import { readPayload } from '../../lib/hooks/payload.ts'
import { recordRefusal } from '../../lib/hooks/refusals.ts'
import { verifySignature } from '../../lib/hooks/verify.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { isPackageEvent, readGiteaEvent, readGithubEvent } from '../../lib/rollouts/published-image.ts'
import { recordPublished } from '../../lib/rollouts/record-published.ts'
import type { AppEnv } from '../http/app-env.ts'
import { described } from '../../lib/platform/described.ts'
import { createRouter, json, problem } from '../http/openapi.ts'
import { announcedBytes } from '../http/read-body.ts'
import { useUnverifiedBody } from '../http/unverified-body.ts'
import { advanceRollouts } from './rollouts.ts'

const FORGES = {
  github: {
    name: 'GitHub',
    event: 'x-github-event',
    delivery: 'x-github-delivery',
    read: readGithubEvent,
  },
  gitea: {
    name: 'Gitea',
    event: 'x-gitea-event',
    delivery: 'x-gitea-delivery',
    read: readGiteaEvent,
  },
} as const

type Forge = keyof typeof FORGES

const WebhookAnswer = described(() =>
  z
    .object({
      status: z.enum(['ignored', 'recorded', 'known', 'pong']),
      reason: z.string().optional(),
      image: z.string().optional(),
      runtimes: z.array(z.string()).optional(),
    })
    .openapi('WebhookAnswer'),
)

const webhookRoute = (forge: Forge) =>
  createRoute({
    method: 'post',
    path: `/webhooks/${forge}`,
    operationId: forge === 'github' ? 'receiveGithubWebhook' : 'receiveGiteaWebhook',
    responses: described(() => ({
      200: json(WebhookAnswer, 'The answer to a ping.'),
      202: json(
        WebhookAnswer,
        `Accepted. \`recorded\`: a new image of the named runtimes. \`known\`: reported before, so nothing was done. \`ignored\`: not about an image of a runtime, with a reason.`,
      ),
      400: problem('The signature is valid, but the body is not JSON or the event is not named.'),
      401: problem('The signature is invalid.'),
      404: problem('The secret of this forge is not set.'),
      413: problem('The body is too large.'),
    })),
  })

export function registryWebhookRoutes(services: Services) {
  const app = createRouter()
  for (const forge of ['github', 'gitea'] as const) {
    app.openapi(webhookRoute(forge), async (c) => {
      const body = await readSigned(services, c, forge)
      const { delivery, event, name, read } = FORGES[forge]
      const type = c.req.header(event) ?? ''
      const id = c.req.header(delivery) ?? ''
      if (!/^\w{1,50}$/.test(type)) throw invalidField(event, `must name the event, as ${name} does`)
      if (!/^[\w-]{1,100}$/.test(id))
        throw invalidField(delivery, `must be the id of the delivery, as ${name} sends it`)
      if (type === 'ping') return c.json({ status: 'pong' as const }, 200)
      const reading = read(type, body)
      if ('ignored' in reading) return c.json({ status: 'ignored' as const, reason: reading.ignored }, 202)
      const recorded = await recordPublished(services, reading.published, { source: forge, id })
      if ('ignored' in recorded) return c.json({ status: 'ignored' as const, reason: recorded.ignored }, 202)
      const { image, isNew, runtimes } = recorded
      if (isNew) advanceRollouts(services, c)
      return c.json({ status: isNew ? ('recorded' as const) : ('known' as const), image, runtimes }, 202)
    })
  }
  return app
}

/**
 * @returns the body of an event that is about a package; undefined for other events
 * @throws DomainError `not_found`, `unauthenticated`, `invalid_input`, `too_large`
 */
async function readSigned(services: Services, c: Context<AppEnv>, forge: Forge): Promise<unknown> {
  const secret = services.config.forgeSecrets[forge]
  if (secret === undefined) throw new DomainError('not_found', `there is no POST ${c.req.path}; see /docs`)
  const limit = services.config.hookMaxBodyBytes[forge]
  const refuse = (error: DomainError, bytes: number | null, reason: string = error.code): DomainError => {
    const refusal = { reason, message: error.message, bytes }
    const hook = { workspaceId: null, name: `webhooks/${forge}`, scheme: forge }
    c.executionCtx.waitUntil(recordRefusal(services, hook, refusal))
    return error
  }
  return useUnverifiedBody(services, c, limit, async (body) => {
    if (body === undefined) {
      const message = `the body is larger than ${limit} bytes (HOOK_MAX_BODY_BYTES)`
      throw refuse(new DomainError('too_large', message), announcedBytes(c.req.raw) || null)
    }
    const incoming = { header: (name: string) => c.req.header(name), body }
    if (!(await verifySignature(forge, [secret], incoming, services.now())))
      throw refuse(new DomainError('unauthenticated', 'the signature is not valid'), body.length, 'signature')
    const { isJson, text } = await readPayload(body, incoming.header('content-type'), [])
    // A push can have 25 MB; packages are small.
    return isJson && isPackageEvent(c.req.header(FORGES[forge].event) ?? '') ? JSON.parse(text) : undefined
  })
}
