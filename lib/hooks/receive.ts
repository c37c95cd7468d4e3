// Receives a webhook for a workspace: authenticates it, recognises repeated deliveries, and stores it as a message
// that wakes the workspace and is delivered once (lib/messages/accept.ts).
import { and, eq, gt } from 'drizzle-orm'
import { messages } from '../../drizzle/schema/index.ts'
import { toBytes } from '../a2a/response/response-writer.ts'
import { type Caller, callerKey } from '../auth/caller.ts'
import type { Accepted } from '../messages/accept.ts'
import { acceptPlatformMessage } from '../messages/accept-platform-message.ts'
import type { Store } from '../platform/context.ts'
import { encodeHex } from '../platform/encoding.ts'
import { DomainError } from '../platform/errors.ts'
import { type Sender, senderOf } from './answers.ts'
import type { HookContext } from './context.ts'
import { DELIVERY_PATHS, deliveryOf, isWanted } from './delivery.ts'
import { toMessageBody } from './hook-message.ts'
import { type Payload, readPayload, textAt } from './payload.ts'
import { type HookAddress, type ProvenHook, proveHook } from './prove-hook.ts'
import { recordRefusal, refusalOf } from './refusals.ts'
import { pathsOf } from './template.ts'
import type { IncomingWebhook } from './verify.ts'

export type Received =
  | { outcome: 'stored' | 'repeated'; accepted: Accepted }
  | { outcome: 'ignored'; events: string[] }
  /** The answer to GitHub's ping event. */
  | { outcome: 'pong' }
  /** Slack expects this text as the answer. */
  | { outcome: 'challenge'; challenge: string }
  /** The delivery is signed, and was not taken. */
  | { outcome: 'refused'; error: unknown }

/** What happened, and which answer the sender needs (answers.ts). */
export type Reception = { sender: Sender; received: Received }

/**
 * @param later continues work after the answer
 * @throws DomainError `unauthenticated` for a wrong address or signature
 */
export async function receiveWebhook(
  services: HookContext,
  address: HookAddress,
  incoming: IncomingWebhook,
  later: (work: Promise<unknown>) => void,
): Promise<Reception> {
  const hook = await proveHook(services, address, incoming, later)
  const { scheme } = hook
  const sender = senderOf(scheme, incoming)
  const count = (outcome: string) => services.metrics.count('molecule_webhooks_total', { scheme, outcome })
  try {
    const received = await receiveAuthenticated(services, hook, incoming)
    count(received.outcome)
    return { sender, received }
  } catch (error) {
    count('not_taken')
    const refusal = refusalOf(error, incoming.body.length)
    if (refusal !== undefined) later(recordRefusal(services, hook, refusal))
    return { sender, received: { outcome: 'refused', error } }
  }
}

/**
 * @throws DomainError `rate_limited`; `invalid_input`; `too_large`
 * @throws ProxyError WORKSPACE_… when the message can never be delivered; TOO_MANY_MESSAGES_WAITING
 */
async function receiveAuthenticated(
  services: HookContext,
  hook: ProvenHook,
  { body, header }: IncomingWebhook,
): Promise<Received> {
  const { name, scheme, template, workspaceId } = hook
  const caller: Caller = { kind: 'hook', workspaceId, hook: name }
  const { retryAfterSeconds } = services.countDelivery(callerKey(caller))
  if (retryAfterSeconds !== undefined) {
    const message = `more than ${services.config.webhookRatePerMinute} deliveries a minute: slow down`
    throw new DomainError('rate_limited', message, { retryAfterSeconds })
  }
  const limit = Math.min(hook.maxBodyBytes ?? Infinity, services.config.hookMaxBodyBytes[scheme])
  if (body.length > limit)
    throw new DomainError(
      'too_large',
      `the body has ${body.length} bytes, and this hook takes ${limit} (its max_body_bytes, or HOOK_MAX_BODY_BYTES)`,
    )
  const paths = [...DELIVERY_PATHS, ...CHALLENGE_PATHS, ...pathsOf(template)]
  const payload = await readPayload(body, header('content-type'), paths)
  const challenge = scheme === 'slack' ? challengeOf(payload) : undefined
  if (challenge !== undefined) return { outcome: 'challenge', challenge }
  const { events, id } = deliveryOf(scheme, header, payload, hook.deliveryHeader)
  if (scheme === 'github' && events.includes('ping')) return { outcome: 'pong' }
  if (!isWanted(hook.events, events)) return { outcome: 'ignored', events }

  const delivery = await deliveryId(services, caller, id, body)
  const messageId = messageIdOf(name, delivery)
  const { maxBodyBytes } = services.config.a2a
  const request = await toMessageBody(
    { hook: name, template, messageId, delivery, event: events.at(-1), payload },
    maxBodyBytes,
  )
  if (request === undefined)
    throw new DomainError(
      'too_large',
      `the message for this delivery would be larger than ${maxBodyBytes} bytes (A2A_MAX_BODY_BYTES): give the hook a shorter template`,
    )
  // A repeated delivery may have another body: Stripe counts the attempts in it.
  const message = { workspaceId, caller, body: request, fingerprint: delivery }
  const accepted = await acceptPlatformMessage(services, message)
  return { outcome: accepted.isRepeat ? 'repeated' : 'stored', accepted }
}

const CHALLENGE_PATHS = ['type', 'challenge']

/** Answered only after the signature was verified (docs.slack.dev, url_verification). */
const challengeOf = (payload: Payload): string | undefined =>
  textAt(payload, 'type') === 'url_verification' ? textAt(payload, 'challenge')?.slice(0, 1_000) : undefined

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
