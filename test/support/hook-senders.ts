// The systems that send to inbound hooks: how each signs, what it sends, and a client that creates hooks and sends deliveries.
import { createHmac } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import type { Harness, Json } from './harness.ts'
import { SCRIPTED_AGENT_IMAGE } from './scripted-agent.ts'

export type Headers = Record<string, string>

export const ADMIN = { authorization: 'Bearer an-admin-of-this-test' }
/** Settings of the harness that the client expects. */
export const HOOK_SETTINGS = {
  ADMIN_TOKEN: 'an-admin-of-this-test',
  SECRETS_ENCRYPTION_KEY: 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=',
  WEBHOOK_RATE_PER_MINUTE: '40',
  TRUSTED_PROXY: 'fly',
}
export const SECRET = 'a-secret-of-this-test'
export const HOUR = 3_600_000
export const JSON_TYPE = { 'content-type': 'application/json' }
export const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' }

const hmac = (secret: string, text: string) => createHmac('sha256', secret).update(text).digest('hex')

/** The secret in a response that shows it once. */
export const secretOf = ({ secret }: Json) => (typeof secret === 'string' ? secret : undefined)

/** The message in a request that reached the agent. */
export const messageIn = (body: string) =>
  (JSON.parse(body) as { params: { message: { parts: Json[]; metadata: Json } } }).params.message

/** The body that each sender sends. Slack and Stripe name the delivery in it. */
export const BODIES: Record<string, (delivery: string) => Json> = {
  standard: () => ({ type: 'image.published', data: { tag: '1.2.3' } }),
  github: () => ({ action: 'opened', pull_request: { title: 'Fix it' } }),
  gitea: () => ({ action: 'opened', pull_request: { title: 'Fix it' } }),
  slack: (delivery) => ({
    type: 'event_callback',
    event_id: delivery,
    event: { type: 'app_mention', text: 'hello' },
  }),
  stripe: (delivery) => ({ id: delivery, object: 'event', type: 'invoice.paid' }),
  bearer: () => ({ event: 'build_failed', url: 'https://ci.example' }),
}
export const SCHEMES = Object.keys(BODIES)

/** The event that each of these bodies is about. */
export const EVENTS: Headers = {
  standard: 'image.published',
  github: 'pull_request',
  gitea: 'pull_request',
  slack: 'app_mention',
  stripe: 'invoice.paid',
  bearer: 'build_failed',
}

/**
 * @param harness of the test file, once it is open
 * @param workspace that hooks are created for unless a test names another
 */
export function hookClient(harness: () => Harness, workspace: () => string) {
  const call = (method: string, path: string, json?: unknown, headers: Headers = {}) =>
    harness().request(path, {
      method,
      headers: { ...ADMIN, prefer: 'wait=20', ...headers },
      ...(json === undefined ? {} : { json }),
    })

  /** Creates a workspace that runs the scripted agent. @returns its id */
  async function create(): Promise<string> {
    const { body } = await call('POST', '/workspaces', {
      name: 'scripted-agent',
      image: SCRIPTED_AGENT_IMAGE,
    })
    await harness().untilIdle()
    return String(body['id'])
  }

  let count = 0
  /** Creates a hook with a new name. @returns its path and its secret */
  async function createHook(scheme: string, input: Json = {}, owner = workspace()) {
    const name = `hook-${count++}`
    const given = scheme === 'slack' || scheme === 'stripe' ? { secret: SECRET } : {}
    const { status, body } = await call('POST', `/workspaces/${owner}/hooks`, {
      name,
      scheme,
      ...given,
      ...input,
    })
    const path = `/webhooks/workspaces/${owner}/${name}`
    const shown = [status, body['name'], body['scheme'], new URL(String(body['url'])).pathname]
    if (shown.join() !== [201, name, scheme, path].join())
      throw new Error(`the hook was answered with ${status}: ${JSON.stringify(body)}`)
    return { name, path, secret: secretOf(body) ?? secretOf(input) ?? SECRET }
  }

  const post = (path: string, body: string | Uint8Array, headers: Headers) =>
    harness().request(path, { method: 'POST', headers, body: body as BodyInit })

  const seconds = () => Math.floor(harness().now().getTime() / 1000)

  /** The headers with which each sender signs a body. */
  const sign: Record<string, (secret: string, body: string, delivery?: string, at?: number) => Headers> = {
    standard: (secret, body, delivery = crypto.randomUUID(), at = seconds()) => ({
      ...JSON_TYPE,
      'webhook-id': delivery,
      'webhook-timestamp': String(at),
      'webhook-signature': new Webhook(secret).sign(delivery, new Date(at * 1000), body),
    }),
    github: (secret, body, delivery = crypto.randomUUID()) => ({
      ...JSON_TYPE,
      'x-github-event': 'pull_request',
      'x-github-delivery': delivery,
      'x-hub-signature-256': `sha256=${hmac(secret, body)}`,
    }),
    gitea: (secret, body, delivery = crypto.randomUUID()) => ({
      ...JSON_TYPE,
      'x-gitea-event': 'pull_request',
      'x-gitea-delivery': delivery,
      'x-gitea-signature': hmac(secret, body),
    }),
    slack: (secret, body, _delivery, at = seconds()) => ({
      ...JSON_TYPE,
      'x-slack-request-timestamp': String(at),
      'x-slack-signature': `v0=${hmac(secret, `v0:${at}:${body}`)}`,
    }),
    stripe: (secret, body, _delivery, at = seconds()) => ({
      ...JSON_TYPE,
      'stripe-signature': `t=${at},v1=${'0'.repeat(64)},v1=${hmac(secret, `${at}.${body}`)}`,
    }),
    bearer: (secret, _body, delivery = crypto.randomUUID()) => ({
      ...JSON_TYPE,
      authorization: `Bearer ${secret}`,
      'idempotency-key': delivery,
    }),
  }

  /** Sends a delivery as its sender would. */
  async function deliver(
    scheme: string,
    hook: { path: string; secret: string },
    delivery: string = crypto.randomUUID(),
    body = JSON.stringify(BODIES[scheme]?.(delivery)),
  ) {
    const answer = await post(hook.path, body, sign[scheme]?.(hook.secret, body, delivery) ?? {})
    return { ...answer, sent: body }
  }

  return { call, create, createHook, post, seconds, sign, deliver }
}
