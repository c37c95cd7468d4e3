// Whether a webhook came from who has the secret: one pure function over the bytes as they came, for every scheme we know.
// Web Crypto's `verify` compares in constant time. A leaf: knows nothing of the database nor of who asks.
import { hashToken, matchesAny } from '../auth/token.ts'
import { concatBytes, decodeBase64, decodeHex } from '../platform/encoding.ts'
import { formField, isForm } from './form.ts'

export const SCHEMES = ['standard', 'github', 'gitea', 'slack', 'stripe', 'bearer'] as const

/**
 * How a sender proves itself:
 * - `standard`: Standard Webhooks, `v1` (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md)
 * - `github`: `X-Hub-Signature-256` (docs.github.com, Validating webhook deliveries)
 * - `gitea`: the same, or `X-Gitea-Signature` (go-gitea/gitea, services/webhook/deliver.go)
 * - `slack`: `X-Slack-Signature`, `v0` (api.slack.com, Verifying requests from Slack)
 * - `stripe`: `Stripe-Signature`, `v1` (docs.stripe.com, Check the webhook signatures)
 * - `bearer`: the secret itself, in `Authorization`
 */
export type Scheme = (typeof SCHEMES)[number]

/** A request as it came. */
export type Incoming = {
  header: (name: string) => string | undefined
  body: Uint8Array
}

/** How far a signed time may be from ours, either way: what Standard Webhooks, Slack and Stripe all say. */
export const TOLERANCE_SECONDS = 300

/** Signatures of one request that are looked at, at most. */
const MOST_SIGNATURES = 8

/** What was signed, and the signatures that came with it; nothing when a header is missing, malformed or too old. */
type Claim = { signed: Uint8Array; signatures: Uint8Array[] }

/**
 * @param secrets any of which may have signed it: a secret that was rotated is good for a while
 * @param now what signed times are compared with
 */
export async function verifySignature(
  scheme: Scheme,
  secrets: readonly string[],
  incoming: Incoming,
  now: Date,
): Promise<boolean> {
  if (scheme === 'bearer') return hasBearer(secrets, incoming)
  // Without a claim the same is computed for nothing, so that time does not tell what was wrong.
  const { signatures, signed } = CLAIMS[scheme](incoming, now) ?? { signatures: [], signed: incoming.body }
  const tried = signatures.length === 0 ? [NO_SIGNATURE] : signatures.slice(0, MOST_SIGNATURES)
  let found = false
  for (const secret of secrets) {
    const key = await hmacKey(keyOf(scheme, secret))
    for (const signature of tried) {
      if (await crypto.subtle.verify('HMAC', key, toBuffer(signature), toBuffer(signed))) found = true
    }
  }
  return found
}

const NO_SIGNATURE = new Uint8Array()

const CLAIMS: Record<Exclude<Scheme, 'bearer'>, (incoming: Incoming, now: Date) => Claim | undefined> = {
  standard({ body, header }, now) {
    // Svix, where the standard comes from, still sends its own names by default (docs.svix.com).
    const part = (name: string) => header(`webhook-${name}`) ?? header(`svix-${name}`)
    const id = part('id')
    const timestamp = part('timestamp')
    if (id === undefined || id === '' || !isRecent(timestamp, now)) return undefined
    const signatures = (part('signature') ?? '').split(' ').flatMap((one) => base64After('v1,', one))
    return { signed: after(`${id}.${timestamp}.`, body), signatures }
  },

  github: ({ body, header }) => ({
    signed: body,
    signatures: hexAfter('sha256=', header('x-hub-signature-256')),
  }),

  gitea(incoming) {
    const { header } = incoming
    const own = hexAfter('', header('x-gitea-signature'))
    const signatures = own.length > 0 ? own : hexAfter('sha256=', header('x-hub-signature-256'))
    // Of a form Gitea signs the payload within, where GitHub signs the form.
    const payload = isForm(header('content-type')) ? formField(incoming.body, 'payload') : undefined
    return { signed: payload === undefined ? incoming.body : encoder.encode(payload), signatures }
  },

  slack({ body, header }, now) {
    const timestamp = header('x-slack-request-timestamp')
    if (!isRecent(timestamp, now)) return undefined
    return {
      signed: after(`v0:${timestamp}:`, body),
      signatures: hexAfter('v0=', header('x-slack-signature')),
    }
  },

  stripe({ body, header }, now) {
    const pairs = (header('stripe-signature') ?? '').split(',').map((pair) => pair.trim())
    const timestamp = pairs.find((pair) => pair.startsWith('t='))?.slice(2)
    if (!isRecent(timestamp, now)) return undefined
    return {
      signed: after(`${timestamp}.`, body),
      signatures: pairs.flatMap((pair) => hexAfter('v1=', pair)),
    }
  },
}

/** Digests are compared, so that neither content nor length of the secret shows in the time. */
async function hasBearer(secrets: readonly string[], { header }: Incoming): Promise<boolean> {
  const token = /^bearer +(\S+)$/i.exec(header('authorization')?.trim() ?? '')?.[1] ?? ''
  const [digest = '', ...accepted] = await Promise.all([token, ...secrets].map(hashToken))
  return token !== '' && matchesAny(digest, accepted)
}

const isRecent = (seconds: string | undefined, now: Date): seconds is string =>
  seconds !== undefined &&
  /^\d{1,12}$/.test(seconds) &&
  Math.abs(Math.floor(now.getTime() / 1000) - Number(seconds)) <= TOLERANCE_SECONDS

/** A SHA-256 digest as hex after a prefix; none when it is something else. */
function hexAfter(prefix: string, text: string | undefined): Uint8Array[] {
  const digits = text?.startsWith(prefix) === true ? text.slice(prefix.length) : ''
  return /^[0-9a-f]{64}$/i.test(digits) ? [decodeHex(digits)] : []
}

/** A SHA-256 digest as base64 after a prefix; none when it is something else. */
function base64After(prefix: string, text: string): Uint8Array[] {
  const digits = text.startsWith(prefix) ? text.slice(prefix.length) : ''
  return /^[A-Za-z0-9+/]{43}=$/.test(digits) ? [decodeBase64(digits)] : []
}

const encoder = new TextEncoder()

function after(prefix: string, body: Uint8Array): Uint8Array {
  const bytes = encoder.encode(prefix)
  return concatBytes([bytes, body], bytes.length + body.length)
}

const STANDARD_SECRET = /^(?:whsec_)?((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/

/** Bytes of a Standard Webhooks secret, with or without its `whsec_`; undefined when it is not base64. */
export function standardKey(secret: string): Uint8Array | undefined {
  const digits = STANDARD_SECRET.exec(secret)?.[1]
  return digits === undefined ? undefined : decodeBase64(digits)
}

/** All but Standard Webhooks take the secret's characters as they are, Stripe's with its `whsec_`. */
const keyOf = (scheme: Scheme, secret: string): Uint8Array =>
  (scheme === 'standard' ? standardKey(secret) : undefined) ?? encoder.encode(secret)

const hmacKey = (bytes: Uint8Array) =>
  crypto.subtle.importKey('raw', toBuffer(bytes), { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])

const toBuffer = (bytes: Uint8Array) => bytes as Uint8Array<ArrayBuffer>
