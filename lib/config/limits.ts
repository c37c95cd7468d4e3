// Settings that bound what callers and agents may use, and how long data is kept.
import { z } from 'zod'
import { isAddressRange } from '../platform/ip-address.ts'
import { readPairs } from '../platform/pairs.ts'
import { integer, list, number, setting, toMilliseconds } from './setting.ts'

/** Requests per minute; 0: no limit. */
const perMinute = integer(0, 1_000_000_000)

/** A host name, an address, or a range of addresses. */
const privateTarget = z
  .string()
  .toLowerCase()
  .refine(
    (text) => isAddressRange(text) || /^(?=.*[a-z])[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(text),
    'must be host names, addresses or ranges such as hooks.internal,10.1.0.0/16',
  )

/** How the sender of an inbound hook authenticates (lib/hooks/verify.ts). */
export const HOOK_SCHEMES = ['standard', 'github', 'gitea', 'slack', 'stripe', 'bearer'] as const
export type HookScheme = (typeof HOOK_SCHEMES)[number]

/** GitHub's own limit (docs.github.com, Webhook events and payloads). */
const HOOK_BODY_BYTES = 26_214_400
const hookBytes = integer(1_024, 100_000_000)

/** One number for every scheme, numbers for some, or both: `1000000,github=26214400`. */
const hookBodyLimits = list.transform((entries, context): Record<HookScheme, number> => {
  const limits = Object.fromEntries(HOOK_SCHEMES.map((scheme) => [scheme, HOOK_BODY_BYTES])) as Record<
    HookScheme,
    number
  >
  const refuse = (message: string) => context.addIssue({ code: 'custom', message })
  const limit = (text: string, schemes: readonly HookScheme[]) => {
    const bytes = hookBytes.safeParse(text)
    if (bytes.success && schemes.length > 0) for (const scheme of schemes) limits[scheme] = bytes.data
    else
      refuse(
        `must be a number of bytes from 1024 to 100000000, or pairs such as github=26214400 with one of ${HOOK_SCHEMES.join(', ')}`,
      )
  }
  const [number, ...more] = entries.filter((entry) => !entry.includes('='))
  if (more.length > 0) refuse('has more than one number for every scheme')
  if (number !== undefined) limit(number, HOOK_SCHEMES)
  const pairs = readPairs(
    entries.filter((entry) => entry.includes('=')),
    (problem) => (problem.kind === 'repeated' ? refuse(`names ${problem.name} twice`) : limit('', [])),
  )
  for (const [name, text] of pairs)
    limit(
      text,
      HOOK_SCHEMES.filter((scheme) => scheme === name),
    )
  return limits
})

export const LIMITS = {
  a2a: {
    /** Bytes of an A2A request's body. */
    maxBodyBytes: setting('A2A_MAX_BODY_BYTES', integer(1024, 100_000_000).default(10_000_000)),
    /** How long an agent may send nothing before its request is ended. */
    silenceMs: setting('A2A_SILENCE_SECONDS', number(1, 86_400).default(300).transform(toMilliseconds)),
    /** Longest silence between two events of a stream before a comment is sent; 0: never. */
    streamKeepaliveMs: setting(
      'A2A_STREAM_KEEPALIVE_SECONDS',
      number(0, 3_600).default(15).transform(toMilliseconds),
    ),
    /** Concurrent requests to one workspace. */
    maxInFlight: setting('A2A_MAX_IN_FLIGHT', integer(1, 1_000_000).default(256)),
    /** Bytes of the bodies of these requests, together; never less than one body may have. */
    maxBytesInFlight: setting(
      'A2A_MAX_BYTES_IN_FLIGHT',
      integer(1_024, 1_000_000_000_000).default(67_108_864),
    ),
    /** A2A requests of one caller; 0: no limit. */
    ratePerMinute: setting('A2A_RATE_PER_MINUTE', perMinute.default(6_000)),
    /** How long delivery of a stored message is attempted, and how long its answer is kept. */
    messageRetentionHours: setting('MESSAGE_RETENTION_HOURS', number(1, 720).default(24)),
  },
  activity: {
    retentionDays: setting('ACTIVITY_RETENTION_DAYS', integer(1, 365).default(7)),
  },
  eventsRetentionDays: setting('EVENTS_RETENTION_DAYS', integer(1, 3_650).default(30)),
  auditRetentionDays: setting('AUDIT_RETENTION_DAYS', integer(1, 3_650).default(90)),
  /** Requests of one caller to all routes except A2A; 0: no limit. */
  apiRatePerMinute: setting('API_RATE_PER_MINUTE', perMinute.default(1_200)),
  /** Bytes of a request's body, for all routes except A2A and webhooks. */
  apiMaxBodyBytes: setting('API_MAX_BODY_BYTES', integer(65_536, 100_000_000).default(1_048_576)),
  /** Bytes of a delivery to an inbound hook, by scheme; a hook may have a lower limit. */
  hookMaxBodyBytes: setting('HOOK_MAX_BODY_BYTES', hookBodyLimits.prefault('')),
  /** Deliveries to one inbound hook; 0: no limit. */
  webhookRatePerMinute: setting('WEBHOOK_RATE_PER_MINUTE', perMinute.default(600)),
  /** Workspaces that one caller may create; 0: no limit. All replicas share it. */
  createRatePerHour: setting('CREATE_RATE_PER_HOUR', integer(0, 1_000_000).default(1_000)),
  /** Names, addresses and ranges in private networks to which webhooks may be sent. */
  webhookPrivateTargets: setting('WEBHOOK_PRIVATE_TARGETS', list.pipe(z.array(privateTarget)).default([])),
}
