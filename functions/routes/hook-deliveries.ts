// POST /webhooks/workspaces/:id/:hook: deliveries from other systems, with a signature instead of a token. The verb
// checks it over the unchanged bytes of the body.
import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { hashToken } from '../../lib/auth/token.ts'
import { DomainError } from '../../lib/platform/errors.ts'
import { deliverSoon } from '../../lib/messages/deliver.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { isForm } from '../../lib/hooks/form.ts'
import { receiveWebhook } from '../../lib/hooks/receive.ts'
import type { AppEnv } from '../http/app-env.ts'
import { json, jsonBody, problem } from '../http/openapi.ts'
import { requestInfo } from '../http/request-info.ts'
import { toMessageView } from './messages/view.ts'
import { publicUrlOf } from '../http/public-url.ts'
import { recordInvalidToken } from '../http/invalid-tokens.ts'

export function hookDeliveryRoutes(services: Services) {
  const app = new OpenAPIHono<AppEnv>()

  app.post('/webhooks/workspaces/:id/:hook', async (c) => {
    const address = { workspaceId: c.req.param('id').toLowerCase(), hook: c.req.param('hook') }
    const body = new Uint8Array(await c.req.arrayBuffer())
    const header = (name: string) => c.req.header(name)
    const received = await throttleBearer(services, c, address, () =>
      receiveWebhook(services, address, { header, body }),
    )
    c.header('cache-control', 'no-store')
    switch (received.kind) {
      case 'challenge':
        return c.text(received.challenge)
      case 'pong':
        return c.json({ queued: false, pong: true })
      case 'ignored':
        return c.json({ queued: false, ignored: received.events }, 202)
      case 'stored': {
        const { isRepeat, message } = received.accepted
        c.executionCtx.waitUntil(deliverSoon(services, message.workspaceId))
        // The sender may send but not read, so the answer has the message's URL and not its state.
        const { id, message_id, url } = toMessageView(message, publicUrlOf(services.config, c))
        c.header('location', url)
        // Slack shows the response to a command or a button to its user, and accepts only 200 (docs.slack.dev).
        if (received.scheme === 'slack' && isForm(header('content-type'))) return c.body(null, 200)
        return c.json({ queued: true, duplicate: isRepeat, id, url, message_id }, 202)
      }
    }
  })

  app.openAPIRegistry.registerPath({
    method: 'post',
    path: '/webhooks/workspaces/{id}/{hook}',
    operationId: 'receiveWebhook',
    description:
      'A delivery of another system, signed with the scheme of the hook. It is stored as a message to the workspace, once per delivery. The body is JSON, a form or text, up to 1 MiB.',
    request: {
      params: z.object({ id: z.uuid(), hook: z.string() }),
      body: jsonBody(z.looseObject({})),
    },
    responses: {
      200: {
        description: "The answer to GitHub's ping, Slack's challenge, or a Slack command or button.",
      },
      202: json(
        z.looseObject({ queued: z.boolean() }),
        'Stored, to be delivered once. `Location` is the URL of the message, for callers who may read the workspace. `duplicate`: the delivery was stored before. `queued` is false for events that the hook does not accept.',
      ),
      400: problem('The signature is valid, and the body is not valid JSON.'),
      401: problem('No such workspace or hook, the hook is disabled, or the signature is invalid.'),
      413: problem('The body is too large.'),
      429: problem('Too many deliveries, or too many messages wait for the workspace.'),
    },
  })
  return app
}

/**
 * A bearer secret can be chosen by a person and guessed, unlike a signature. Guesses at a hook from one address are
 * throttled; a secret that was valid lately is not.
 */
async function throttleBearer<Result>(
  services: Services,
  c: Context<AppEnv>,
  { hook, workspaceId }: { workspaceId: string; hook: string },
  receive: () => Promise<Result>,
): Promise<Result> {
  const { failedAttempts } = services
  const authorization = c.req.header('authorization')
  if (authorization === undefined) return receive()
  const target = `${workspaceId}/${hook}`
  const hash = await hashToken(`${target} ${authorization}`)
  const sender = `${requestInfo(services.config, c).address()} ${target.slice(0, 101)}`
  const seconds = failedAttempts.secondsToWait(sender, hash)
  if (seconds !== undefined) {
    const message = 'too many invalid secrets for this hook from this address: wait'
    throw new DomainError('rate_limited', message, { retryAfterSeconds: seconds })
  }
  try {
    const received = await receive()
    failedAttempts.recordValid(hash)
    return received
  } catch (error) {
    const isRefused = error instanceof DomainError && error.code === 'unauthenticated'
    if (isRefused && !failedAttempts.isKnownInvalid(hash)) recordInvalidToken(services, hash, sender)
    throw error
  }
}
