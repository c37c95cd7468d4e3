// Receives a webhook for a workspace: authenticates it, recognises repeated deliveries, and stores it as a message
// that wakes the workspace and is delivered once (lib/messages/accept.ts).
import { and, eq, gt } from 'drizzle-orm'
import { messages } from '../../drizzle/schema/index.ts'
import { toBytes } from '../a2a/response/response-writer.ts'
import { parseEnvelope } from '../a2a/wire/json-rpc.ts'
import { isObject } from '../a2a/wire/lossless-json.ts'
import { type Caller, callerKey } from '../auth/caller.ts'
import { type Accepted, acceptMessage } from '../messages/accept.ts'
import type { Store } from '../platform/context.ts'
import { encodeHex } from '../platform/encoding.ts'
import { DomainError } from '../platform/errors.ts'
import type { HookContext } from './context.ts'
import { deliveryOf, isWanted } from './delivery.ts'
import { toMessageText } from './hook-message.ts'
import { parsePayload } from './payload.ts'
import { type HookAddress, type ProvenHook, proveHook } from './prove-hook.ts'
import type { IncomingWebhook, Scheme } from './verify.ts'

export type Received =
  | { kind: 'stored'; accepted: Accepted; scheme: Scheme }
  | { kind: 'ignored'; events: string[] }
  /** The answer to GitHub's ping event. */
  | { kind: 'pong' }
  /** Slack expects this text as the answer. */
  | { kind: 'challenge'; challenge: string }

/**
 * @throws DomainError `unauthenticated` for a wrong address or signature; `rate_limited`; `invalid_input`;
 *   `too_large`
 * @throws ProxyError WORKSPACE_… when the message can never be delivered; TOO_MANY_MESSAGES_WAITING
 */
export async function receiveWebhook(
  services: HookContext,
  address: HookAddress,
  incoming: IncomingWebhook,
): Promise<Received> {
  const hook = await proveHook(services, address, incoming)
  const { scheme } = hook
  const count = (outcome: string) => services.metrics.count('molecule_webhooks_total', { scheme, outcome })
  try {
    const received = await receiveAuthenticated(services, hook, incoming)
    count(received.kind === 'stored' && received.accepted.isRepeat ? 'repeated' : received.kind)
    return received
  } catch (error) {
    count('not_taken')
    throw error
  }
}

async function receiveAuthenticated(
  services: HookContext,
  hook: ProvenHook,
  { body, header }: IncomingWebhook,
): Promise<Received> {
  const { name, scheme, workspaceId } = hook
  const caller: Caller = { kind: 'hook', workspaceId, hook: name }
  const { retryAfterSeconds } = services.countDelivery(callerKey(caller))
  if (retryAfterSeconds !== undefined) {
    const message = `more than ${services.config.webhookRatePerMinute} deliveries a minute: slow down`
    throw new DomainError('rate_limited', message, { retryAfterSeconds })
  }
  const payload = parsePayload(body, header('content-type'))
  const challenge = scheme === 'slack' ? challengeOf(payload.value) : undefined
  if (challenge !== undefined) return { kind: 'challenge', challenge }
  const { events, id } = deliveryOf(scheme, header, payload.value, hook.deliveryHeader)
  if (scheme === 'github' && events.includes('ping')) return { kind: 'pong' }
  if (!isWanted(hook.events, events)) return { kind: 'ignored', events }

  const delivery = await deliveryId(services, caller, id, body)
  const text = toMessageText({
    hook: name,
    template: hook.template,
    messageId: messageIdOf(name, delivery),
    delivery,
    event: events.at(-1),
    payload,
  })
  const bytes = toBytes(text)
  const { maxBodyBytes } = services.config.a2a
  if (bytes.length > maxBodyBytes)
    throw new DomainError(
      'too_large',
      `the message for this delivery would be larger than ${maxBodyBytes} bytes`,
    )
  const accepted = await acceptMessage(services, {
    workspaceId,
    caller,
    headers: [
      ['content-type', 'application/json'],
      ['accept', 'application/json'],
    ],
    query: '',
    envelope: parseEnvelope(bytes).envelope,
    text,
    // A repeated delivery may have another body: Stripe counts the attempts in it.
    fingerprint: delivery,
  })
  return { kind: 'stored', accepted, scheme }
}

/** Answered only after the signature was verified (docs.slack.dev, url_verification). */
function challengeOf(value: unknown): string | undefined {
  if (!isObject(value) || value['type'] !== 'url_verification') return undefined
  return typeof value['challenge'] === 'string' ? value['challenge'].slice(0, 1_000) : undefined
}

const messageIdOf = (hook: string, delivery: string) => `${hook}:${delivery}`

/** How long the same body counts as the same delivery, where the sender gives no id, in milliseconds. */
const SAME_BODY_MS = 300_000

/** The id of a delivery; the same for a repeated one. */
async function deliveryId(
  services: Store,
  caller: Caller & { kind: 'hook' },
  id: string | undefined,
  body: Uint8Array,
): Promise<string> {
  if (id !== undefined && /^[\x21-\x7e]{1,200}$/.test(id)) return id
  if (id !== undefined) return `sha256-${await digest(toBytes(id))}`
  const hash = await digest(body)
  const now = services.now().getTime()
  const period = Math.floor(now / SAME_BODY_MS)
  // A delivery shortly before the end of a period is still the same shortly after it.
  const before = `sha256-${hash}-${period - 1}`
  const [recent] = await services.db
    .select({ id: messages.id })
    .from(messages)
    .where(
      and(
        eq(messages.workspaceId, caller.workspaceId),
        eq(messages.caller, callerKey(caller)),
        eq(messages.messageId, messageIdOf(caller.hook, before)),
        gt(messages.createdAt, new Date(now - SAME_BODY_MS)),
      ),
    )
  return recent === undefined ? `sha256-${hash}-${period}` : before
}

/** 128 bits of SHA-256, hex. */
const digest = async (bytes: Uint8Array) =>
  encodeHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as BufferSource))).slice(0, 32)
