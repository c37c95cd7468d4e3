// Verifies the signature of an inbound webhook over its unchanged bytes, for each supported scheme. Pure; `now` is an
// argument. All comparisons take constant time.
import { Webhook } from 'standardwebhooks'
import { hashToken, matchesAny } from '../auth/token.ts'
import { concatBytes, decodeBase64, decodeHex } from '../platform/encoding.ts'
import { formField, isForm } from './form.ts'

export const SCHEMES = ['standard', 'github', 'gitea', 'slack', 'stripe', 'bearer'] as const

/**
 * How a sender authenticates:
 * - `standard`: Standard Webhooks, `v1` (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md)
 * - `github`: `X-Hub-Signature-256` (docs.github.com, Validating webhook deliveries)
 * - `gitea`: the same, or `X-Gitea-Signature` (go-gitea/gitea, services/webhook/deliver.go)
 * - `slack`: `X-Slack-Signature`, `v0` (api.slack.com, Verifying requests from Slack)
 * - `stripe`: `Stripe-Signature`, `v1` (docs.stripe.com, Check the webhook signatures)
 * - `bearer`: the secret itself, in `Authorization`
 */
export type Scheme = (typeof SCHEMES)[number]

export type IncomingWebhook = {
  header: (name: string) => string | undefined
  /** The unchanged body. */
  body: Uint8Array
}

/**
 * Largest difference between a signed time and ours, in seconds: the value of Standard Webhooks, Slack and Stripe.
 */
export const TOLERANCE_SECONDS = 300

/** Most signatures that are verified for one request. */
const MAX_SIGNATURES = 8

/**
 * @param secrets any of them may have signed: a rotated secret is valid for a while
 * @param now compared with signed times
 */
export async function verifySignature(
  scheme: Scheme,
  secrets: readonly string[],
  incoming: IncomingWebhook,
  now: Date,
): Promise<boolean> {
  if (scheme === 'bearer') return hasBearer(secrets, incoming)
  if (scheme === 'standard') return verifyStandard(secrets, incoming, now)
  // A request without a valid claim costs the same, so that the time does not show what was wrong.
  const { signatures, signed } = CLAIMS[scheme](incoming, now) ?? { signatures: [], signed: incoming.body }
  const candidates = signatures.length === 0 ? [NO_SIGNATURE] : signatures.slice(0, MAX_SIGNATURES)
  let isValid = false
  for (const secret of secrets) {
    const key = await hmacKey(encoder.encode(secret))
    for (const signature of candidates) {
      if (await crypto.subtle.verify('HMAC', key, toBuffer(signature), toBuffer(signed))) isValid = true
    }
  }
  return isValid
}

const NO_SIGNATURE = new Uint8Array()

/**
 * Verifies Standard Webhooks. Svix, where the standard comes from, still sends its own header names by default
 * (docs.svix.com).
 */
async function verifyStandard(
  secrets: readonly string[],
  { body, header }: IncomingWebhook,
  now: Date,
): Promise<boolean> {
  const part = (name: string) => header(`webhook-${name}`) ?? header(`svix-${name}`)
  const id = part('id') ?? ''
  const timestamp = part('timestamp')
  const text = decodeText(body)
  // The signed time is printed from the number, so other spellings of it are refused.
  const isCanonical = timestamp === String(Number(timestamp))
  const hasClaim = id !== '' && isCanonical && isRecent(timestamp, now) && text !== undefined
  const signatures = hasClaim ? (part('signature') ?? '').split(' ', MAX_SIGNATURES) : []
  const signedAt = hasClaim ? new Date(Number(timestamp) * 1000) : now
  const digests = await Promise.all(signatures.map(hashToken))
  let isValid = false
  for (const secret of secrets) {
    const key = standardKey(secret) ?? encoder.encode(secret)
    // The library's `verify` reads the clock itself, so the expected signature is computed and compared here.
    const expected = new Webhook(key, { format: 'raw' }).sign(id, signedAt, text ?? '')
    if (matchesAny(await hashToken(expected), digests)) isValid = true
  }
  return isValid
}

/** The library signs text. Undefined for bytes that are not UTF-8. */
function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

/** The signed bytes and their signatures; undefined when a header is missing, malformed or too old. */
type Claim = { signed: Uint8Array; signatures: Uint8Array[] }

type HmacScheme = Exclude<Scheme, 'bearer' | 'standard'>

const CLAIMS: Record<HmacScheme, (incoming: IncomingWebhook, now: Date) => Claim | undefined> = {
  github: ({ body, header }) => ({
    signed: body,
    signatures: hexAfter('sha256=', header('x-hub-signature-256')),
  }),

  gitea({ body, header }) {
    const ownHeader = hexAfter('', header('x-gitea-signature'))
    const signatures = ownHeader.length > 0 ? ownHeader : hexAfter('sha256=', header('x-hub-signature-256'))
    // Gitea signs the payload inside a form, where GitHub signs the whole form.
    const payload = isForm(header('content-type')) ? formField(body, 'payload') : undefined
    return { signed: payload === undefined ? body : encoder.encode(payload), signatures }
  },

  slack({ body, header }, now) {
    const timestamp = header('x-slack-request-timestamp')
    if (!isRecent(timestamp, now)) return undefined
    return {
      signed: prefixed(`v0:${timestamp}:`, body),
      signatures: hexAfter('v0=', header('x-slack-signature')),
    }
  },

  stripe({ body, header }, now) {
    const pairs = (header('stripe-signature') ?? '').split(',').map((pair) => pair.trim())
    const timestamp = pairs.find((pair) => pair.startsWith('t='))?.slice(2)
    if (!isRecent(timestamp, now)) return undefined
    return {
      signed: prefixed(`${timestamp}.`, body),
      signatures: pairs.flatMap((pair) => hexAfter('v1=', pair)),
    }
  },
}

/** Compares digests, so that the time shows neither content nor length of the secret. */
async function hasBearer(secrets: readonly string[], { header }: IncomingWebhook): Promise<boolean> {
  const token = /^bearer +(\S+)$/i.exec(header('authorization')?.trim() ?? '')?.[1] ?? ''
  const [digest = '', ...accepted] = await Promise.all([token, ...secrets].map(hashToken))
  return token !== '' && matchesAny(digest, accepted)
}

const isRecent = (seconds: string | undefined, now: Date): seconds is string =>
  seconds !== undefined &&
  /^\d{1,12}$/.test(seconds) &&
  Math.abs(Math.floor(now.getTime() / 1000) - Number(seconds)) <= TOLERANCE_SECONDS

/** A SHA-256 digest in hex after a prefix; empty for anything else. */
function hexAfter(prefix: string, text: string | undefined): Uint8Array[] {
  const digits = text?.startsWith(prefix) === true ? text.slice(prefix.length) : ''
  return /^[0-9a-f]{64}$/i.test(digits) ? [decodeHex(digits)] : []
}

const encoder = new TextEncoder()

function prefixed(prefix: string, body: Uint8Array): Uint8Array {
  const bytes = encoder.encode(prefix)
  return concatBytes([bytes, body], bytes.length + body.length)
}

const STANDARD_SECRET = /^(?:whsec_)?((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/

/** Bytes of a Standard Webhooks secret, with or without its `whsec_`; undefined when it is not base64. */
export function standardKey(secret: string): Uint8Array | undefined {
  const digits = STANDARD_SECRET.exec(secret)?.[1]
  return digits === undefined ? undefined : decodeBase64(digits)
}

const hmacKey = (bytes: Uint8Array) =>
  crypto.subtle.importKey('raw', toBuffer(bytes), { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])

const toBuffer = (bytes: Uint8Array) => bytes as Uint8Array<ArrayBuffer>
