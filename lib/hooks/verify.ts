// Verifies the signature of an inbound webhook over its unchanged bytes, for each supported scheme. Pure; `now` is an
// argument. All comparisons take constant time.
import { HOOK_SCHEMES, type HookScheme } from '../config/limits.ts'
import { hashToken, matchesAny } from '../auth/token.ts'
import { concatBytes, decodeBase64, encodeBase64, encodeHex } from '../platform/encoding.ts'
import { isForm, rawFormField } from './form.ts'

/**
 * How a sender authenticates:
 * - `standard`: Standard Webhooks, `v1` (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md)
 * - `github`: `X-Hub-Signature-256` (docs.github.com, Validating webhook deliveries)
 * - `gitea`: the same, or `X-Gitea-Signature` (go-gitea/gitea, services/webhook/deliver.go)
 * - `slack`: `X-Slack-Signature`, `v0` (api.slack.com, Verifying requests from Slack)
 * - `stripe`: `Stripe-Signature`, `v1` (docs.stripe.com, Check the webhook signatures)
 * - `bearer`: the secret itself, in `Authorization`
 */
export type Scheme = HookScheme

export const SCHEMES = HOOK_SCHEMES

export type IncomingWebhook = {
  header: (name: string) => string | undefined
  /** The unchanged body. */
  body: Uint8Array
}

/**
 * Largest difference between a signed time and ours, in seconds: the value of Standard Webhooks, Slack and Stripe.
 */
export const TOLERANCE_SECONDS = 300

/** Most signatures that are compared for one request. */
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
  // A request without a valid claim costs the same, so that the time does not show what was wrong.
  const { signatures, signed } = (await CLAIMS[scheme](incoming, now)) ?? {
    signatures: [],
    signed: incoming.body,
  }
  let isValid = false
  for (const secret of secrets) {
    const key = scheme === 'standard' ? standardKey(secret) : undefined
    const digest = await hmac(key ?? encoder.encode(secret), signed)
    const expected = scheme === 'standard' ? `v1,${encodeBase64(digest)}` : encodeHex(digest)
    if (matchesAny(expected, signatures.slice(0, MAX_SIGNATURES))) isValid = true
  }
  return isValid
}

/** HMAC with SHA-256. WebCrypto computes it beside the event loop. */
async function hmac(key: Uint8Array, bytes: Uint8Array): Promise<Uint8Array> {
  const imported = await crypto.subtle.importKey(
    'raw',
    toBuffer(key),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign'],
  )
  return new Uint8Array(await crypto.subtle.sign('HMAC', imported, toBuffer(bytes)))
}

/**
 * The signed bytes and their signatures, in hex or as Standard Webhooks writes them; undefined when a header is missing, malformed
 * or too old.
 */
type Claim = { signed: Uint8Array; signatures: string[] }

type ReadClaim = (incoming: IncomingWebhook, now: Date) => Claim | undefined | Promise<Claim | undefined>

const CLAIMS: Record<Exclude<Scheme, 'bearer'>, ReadClaim> = {
  // Svix, where the standard comes from, still sends its own header names by default (docs.svix.com).
  standard({ body, header }, now) {
    const part = (name: string) => header(`webhook-${name}`) ?? header(`svix-${name}`)
    const id = part('id') ?? ''
    const timestamp = part('timestamp')
    if (id === '' || !isRecent(timestamp, now)) return undefined
    return {
      signed: prefixed(`${id}.${timestamp}.`, body),
      signatures: (part('signature') ?? '').split(' ', MAX_SIGNATURES),
    }
  },

  github: ({ body, header }) => ({
    signed: body,
    signatures: hexAfter('sha256=', header('x-hub-signature-256')),
  }),

  async gitea({ body, header }) {
    const ownHeader = hexAfter('', header('x-gitea-signature'))
    const signatures = ownHeader.length > 0 ? ownHeader : hexAfter('sha256=', header('x-hub-signature-256'))
    // Gitea signs the payload inside a form, where GitHub signs the whole form.
    const payload = isForm(header('content-type')) ? await rawFormField(body, 'payload') : undefined
    return { signed: payload ?? body, signatures }
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
function hexAfter(prefix: string, text: string | undefined): string[] {
  const digits = text?.startsWith(prefix) === true ? text.slice(prefix.length).toLowerCase() : ''
  return /^[0-9a-f]{64}$/.test(digits) ? [digits] : []
}

const encoder = new TextEncoder()

function prefixed(prefix: string, body: Uint8Array): Uint8Array {
  const bytes = encoder.encode(prefix)
  return concatBytes([bytes, body], bytes.length + body.length)
}

const STANDARD_SECRET =
  /^(?:v1,)?(?:whsec_)?((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/

/**
 * Bytes of a Standard Webhooks secret, with or without its `whsec_`; undefined when it is not base64. Supabase shows its secrets as
 * `v1,whsec_…` (standard-webhooks/standard-webhooks#235).
 */
export function standardKey(secret: string): Uint8Array | undefined {
  const digits = STANDARD_SECRET.exec(secret)?.[1]
  return digits === undefined ? undefined : decodeBase64(digits)
}

const toBuffer = (bytes: Uint8Array) => bytes as Uint8Array<ArrayBuffer>
