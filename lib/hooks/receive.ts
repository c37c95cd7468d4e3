// A webhook for a workspace: proven, known by its delivery, and stored as a message that wakes the workspace and arrives once
// (lib/messages/accept.ts).
import type { HookContext } from './context.ts'
import type { Store } from '../platform/context.ts'
import { and, eq, gt } from 'drizzle-orm'
import { messages } from '../../drizzle/schema/index.ts'
import { isObject } from '../a2a/wire/lossless-json.ts'
import { parseEnvelope } from '../a2a/wire/json-rpc.ts'
import { toBytes } from '../a2a/response/response-writer.ts'
import { type Caller, callerKey } from '../auth/caller.ts'
import { encodeHex } from '../platform/encoding.ts'
import { DomainError } from '../platform/errors.ts'
import { type Accepted, acceptMessage } from '../messages/accept.ts'
import { deliveryOf, isWanted } from './delivery.ts'
import { toMessageText } from './hook-message.ts'
import { parsePayload } from './payload.ts'
import { type ProvenHook, proveHook } from './prove-hook.ts'
import type { Incoming, Scheme } from './verify.ts'

export type Received =
  | { kind: 'stored'; accepted: Accepted; scheme: Scheme }
  | { kind: 'ignored'; events: string[] }
  /** GitHub asks whether anybody is there. */
  | { kind: 'pong' }
  /** Slack asks for this back. */
  | { kind: 'challenge'; challenge: string }

/**
 * @param place the workspace and the hook as the address names them
 * @throws DomainError `unauthenticated` for everything that is wrong with the sender or the address; `rate_limited`;
 *   `invalid_input`, `too_large`
 * @throws ProxyError WORKSPACE_… when it could never arrive; TOO_MANY_MESSAGES_WAITING
 */
export async function receiveWebhook(
  services: HookContext,
  place: { workspaceId: string; hook: string },
  incoming: Incoming,
): Promise<Received> {
  const hook = await proveHook(services, place, incoming)
  const { scheme } = hook
  const count = (outcome: string) => services.metrics.count('molecule_webhooks_total', { scheme, outcome })
  try {
    const received = await take(services, hook, incoming)
    count(received.kind === 'stored' && received.accepted.isRepeat ? 'repeated' : received.kind)
    return received
  } catch (error) {
    count('not_taken')
    throw error
  }
}

async function take(services: HookContext, hook: ProvenHook, { body, header }: Incoming): Promise<Received> {
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

  const delivery = await deliveryName(services, caller, id, body)
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
    throw new DomainError('too_large', `it makes a message of more than ${maxBodyBytes} bytes`)
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
    // Its sender may send it again with other words, as Stripe counts the attempts in it: it is the same delivery.
    fingerprint: delivery,
  })
  return { kind: 'stored', accepted, scheme }
}

/** Answered once the signature was right (docs.slack.dev, url_verification). */
function challengeOf(value: unknown): string | undefined {
  if (!isObject(value) || value['type'] !== 'url_verification') return undefined
  return typeof value['challenge'] === 'string' ? value['challenge'].slice(0, 1_000) : undefined
}

const messageIdOf = (hook: string, delivery: string) => `${hook}:${delivery}`

/** How long the same body is the same delivery, where its sender has no name for it, in milliseconds. */
const SAME_BODY_MS = 300_000

/** What the delivery is known by; the same for the same one. */
async function deliveryName(
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
  // Periods have borders; what came shortly before one is the same after it.
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
