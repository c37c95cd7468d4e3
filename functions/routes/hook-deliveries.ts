// POST /webhooks/workspaces/:id/:hook: deliveries from other systems, with a signature instead of a token.
// lib/hooks/receive.ts checks it over the unchanged bytes of the body.
import { OpenAPIHono, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { hashToken } from '../../lib/auth/token.ts'
import { DomainError } from '../../lib/platform/errors.ts'
import { deliverSoon } from '../../lib/messages/deliver.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { ANSWERS, isSlackCheck } from '../../lib/hooks/answers.ts'
import { type HookAddress, refuseUnread } from '../../lib/hooks/prove-hook.ts'
import { type Reception, receiveWebhook } from '../../lib/hooks/receive.ts'
import type { AppEnv } from '../http/app-env.ts'
import { described } from '../../lib/platform/described.ts'
import { IdParam, json, jsonBody, problem } from '../http/openapi.ts'
import { toDomainError } from '../http/problem.ts'
import { announcedBytes } from '../http/read-body.ts'
import { requestInfo } from '../http/request-info.ts'
import { useUnverifiedBody } from '../http/unverified-body.ts'
import { toMessageView } from './messages/view.ts'
import { publicUrlOf } from '../http/public-url.ts'
import { recordInvalidToken } from '../http/invalid-tokens.ts'

const PATH = '/webhooks/workspaces/:id/:hook'

export function hookDeliveryRoutes(services: Services) {
  const app = new OpenAPIHono<AppEnv>()
  const later = (c: Context<AppEnv>) => (work: Promise<unknown>) => c.executionCtx.waitUntil(work)

  app.get(PATH, (c) => {
    if (c.req.query('ssl_check') === '1') return c.body(null, 200)
    throw new DomainError('method_not_allowed', 'deliveries are sent with POST')
  })

  app.post(PATH, async (c) => {
    const address = { workspaceId: c.req.param('id').toLowerCase(), hook: c.req.param('hook') }
    return useUnverifiedBody(services, c, largestBody(services), async (body) => {
      if (body === undefined) throw tooLarge(services, c, address)
      const header = (name: string) => c.req.header(name)
      c.header('cache-control', 'no-store')
      if (isSlackCheck({ header, body })) return c.body(null, 200)
      const reception = await countGuesses(services, c, address, () =>
        receiveWebhook(services, address, { header, body }, later(c)),
      )
      return answer(services, c, reception)
    })
  })

  app.openAPIRegistry.registerPath({
    method: 'get',
    path: '/webhooks/workspaces/{id}/{hook}',
    operationId: 'checkWebhookAddress',
    description: described(
      () =>
        "Slack's check of the certificate of an address, with `ssl_check=1`. The answer is the same for every address.",
    ),
    request: {
      params: z.object({ id: z.string(), hook: z.string() }),
      query: z.object({ ssl_check: z.string() }),
    },
    responses: described(() => ({
      200: { description: 'The address can be reached.' },
      405: problem('Deliveries are sent with POST.'),
    })),
  })
  app.openAPIRegistry.registerPath({
    method: 'post',
    path: '/webhooks/workspaces/{id}/{hook}',
    operationId: 'receiveWebhook',
    description: described(
      () =>
        'A delivery of another system, signed with the scheme of the hook. It is stored as a message to the workspace, once per delivery. The body is JSON, a form or text, up to 25 MiB (HOOK_MAX_BODY_BYTES, or `max_body_bytes` of the hook). A refused delivery of a hook is the event `hook_delivery_refused`.',
    ),
    request: {
      params: IdParam.extend({ hook: z.string() }),
      body: jsonBody(z.looseObject({})),
    },
    responses: described(() => ({
      200: {
        description:
          "The answer to GitHub's ping, Slack's challenge, and every Slack command or button. A command that is refused is answered with a text for its user.",
      },
      202: json(
        z.looseObject({ queued: z.boolean() }),
        'Stored, to be delivered once. `Location` is the URL of the message, for callers who may read the workspace. `duplicate`: the delivery was stored before. `queued` is false for events that the hook does not accept.',
      ),
      400: problem('The signature is valid, and the body is not valid JSON.'),
      401: problem('No such workspace or hook, the hook is disabled, or the signature is invalid.'),
      413: problem('The body is too large.'),
      429: problem('Too many deliveries, or too many messages wait for the workspace.'),
      503: problem('Too many large bodies arrive at the same time, or the workspace failed.'),
    })),
  })
  return app
}

/** As many bytes as the largest limit, so that the answer to a body does not show which hooks exist. */
const largestBody = ({ config }: Services) => Math.max(...Object.values(config.hookMaxBodyBytes))

/** Records the refusal of a delivery that is too large to be read. */
function tooLarge(services: Services, c: Context<AppEnv>, address: HookAddress): DomainError {
  const message = `the body is larger than ${largestBody(services)} bytes`
  const bytes = announcedBytes(c.req.raw) || null
  c.executionCtx.waitUntil(refuseUnread(services, address, { bytes, message }))
  return new DomainError('too_large', message)
}

/** @throws the error of a refused delivery, unless its sender needs another answer (lib/hooks/answers.ts) */
function answer(services: Services, c: Context<AppEnv>, { received, sender }: Reception): Response {
  const wanted = ANSWERS[sender][received.outcome]
  if (received.outcome === 'refused') {
    const error = toDomainError(received.error)
    if (wanted.body !== 'notice' || error.code === 'internal') throw received.error
    return c.json({ response_type: 'ephemeral', text: `Not delivered: ${error.message}.` }, wanted.status)
  }
  const accepted = 'accepted' in received ? received.accepted : undefined
  const message = accepted && toMessageView(accepted.message, publicUrlOf(services.config, c))
  if (accepted !== undefined && message !== undefined) {
    c.executionCtx.waitUntil(deliverSoon(services, accepted.message.workspaceId))
    c.header('location', message.url)
  }
  if (wanted.body === 'problem') throw new Error(`no answer for ${received.outcome} of ${sender}`)
  if (wanted.body === 'echo' && received.outcome === 'challenge')
    return c.text(received.challenge, wanted.status)
  if (wanted.body !== 'report') return c.body(null, wanted.status)
  // The sender may send but not read, so the answer has the message's URL and not its state.
  if (accepted !== undefined && message !== undefined) {
    const { id, message_id, url } = message
    return c.json({ queued: true, duplicate: accepted.isRepeat, id, url, message_id }, wanted.status)
  }
  return received.outcome === 'ignored'
    ? c.json({ queued: false, ignored: received.events }, wanted.status)
    : c.json({ queued: false, pong: true }, wanted.status)
}

/** Wrong secrets for a hook from one address within a minute that are answered with 401; further ones with 429. */
const ANSWERED_GUESSES = 30
const GUESS_WINDOW_SECONDS = 60

/**
 * A bearer secret can be chosen by a person and guessed, unlike a signature. Wrong ones are counted by hook and address, and logged.
 * The secret is checked first, so that a valid one is never refused because of the guesses of others.
 */
async function countGuesses<Result>(
  services: Services,
  c: Context<AppEnv>,
  { hook, workspaceId }: { workspaceId: string; hook: string },
  receive: () => Promise<Result>,
): Promise<Result> {
  try {
    return await receive()
  } catch (error) {
    const authorization = c.req.header('authorization')
    const isRefused = error instanceof DomainError && error.code === 'unauthenticated'
    if (authorization === undefined || !isRefused) throw error
    const target = `${workspaceId}/${hook}`
    const sender = `${requestInfo(services.config, c).address()} ${target.slice(0, 101)}`
    const count = recordInvalidToken(services, await hashToken(`${target} ${authorization}`), sender)
    if (count <= ANSWERED_GUESSES) throw error
    const message = 'too many invalid secrets for this hook from this address: wait'
    throw new DomainError('rate_limited', message, { retryAfterSeconds: GUESS_WINDOW_SECONDS })
  }
}
