// Settings of the server itself: where it listens, what its URLs are, which proxy it trusts, and where its data is.
import { z } from 'zod'
import { findUrlMistake } from '../../drizzle/connection-string.ts'
import { DATABASE_TIMEOUT_MS } from '../../drizzle/database.ts'
import { isAddressRange } from '../platform/ip-address.ts'
import { emulatedImages } from './emulated-images.ts'
import { flag, integer, list, number, oneOf, setting, text, toMilliseconds, httpUrl } from './setting.ts'

const port = integer(0, 65_535)

/** Scheme, host and port of a web page, as browsers send them. */
const origin = z
  .string()
  .refine(
    (text) => URL.canParse(text) && new URL(text).origin === text,
    'must be origins such as https://console.example.com, without a path',
  )

const KNOWN_PROXIES = ['none', 'cloudflare', 'fly'] as const

const isKnownProxy = (text: string): text is (typeof KNOWN_PROXIES)[number] =>
  KNOWN_PROXIES.some((name) => name === text)

const trustedProxy = z.string().transform((value, context): (typeof KNOWN_PROXIES)[number] | string[] => {
  const networks = value
    .split(/[\s,]+/)
    .filter(Boolean)
    .map((network) => network.toLowerCase())
  const [only = 'none'] = networks
  if (networks.length <= 1 && isKnownProxy(only)) return only
  if (!networks.every(isAddressRange)) {
    const message = 'must be none, fly, cloudflare, or addresses and networks such as 10.0.0.0/8, fd00::/8'
    context.addIssue({ code: 'custom', message })
  }
  return networks
})

const headerName = z
  .string()
  .trim()
  .toLowerCase()
  .regex(/^[a-z0-9-]{1,64}$/, 'must be the name of a header, such as x-forwarded-for')

const databaseUrl = z.string().superRefine((value, context) => {
  const message = findUrlMistake(value)
  if (message !== undefined) context.addIssue({ code: 'custom', message })
})

const workers = z.union([z.literal('auto'), integer(1, 64)], {
  error: 'must be auto, or a whole number from 1 to 64',
})

export const SERVER = {
  listen: {
    host: setting('HOST', text.default('127.0.0.1')),
    port: setting('PORT', port.default(8080)),
  },
  /** Directory of the embedded database and the emulated machines. */
  dataDirectory: setting('DATA_DIR', text.default('.data')),
  database: {
    url: setting('DATABASE_URL', databaseUrl.optional()),
    /** Limit of one statement, its connection included. A request whose statement exceeds it is answered with 503. */
    timeoutMs: setting(
      'DATABASE_TIMEOUT_SECONDS',
      number(1, 300)
        .default(DATABASE_TIMEOUT_MS / 1000)
        .transform(toMilliseconds),
    ),
    /** Where the Neon driver sends its statements, instead of the host of `DATABASE_URL`. */
    neonEndpoint: setting('NEON_HTTP_ENDPOINT', httpUrl.optional()),
  },
  /** Base URL for agents and callers, without a trailing slash; undefined: derived from the listening address. */
  publicUrl: setting('PUBLIC_URL', httpUrl.optional()),
  /** The base URL for agents, where it differs from `publicUrl`. */
  platformUrl: setting('PLATFORM_URL', httpUrl.optional()),
  /** Bearer tokens with every permission. Empty: anonymous access on loopback, no access elsewhere. */
  adminTokens: setting('ADMIN_TOKEN', list.default([])),
  /**
   * Whether requests without a token are allowed from this computer although Fly is real, as the commands of Molecule's
   * tutorial need. Loopback only.
   */
  anonymousLoopback: flag('ANONYMOUS_LOOPBACK'),
  /** The proxy whose header names the client's address: a known one, or the networks of others. */
  trustedProxy: setting('TRUSTED_PROXY', trustedProxy.default('none')),
  /** The header of proxies in those networks: a list of addresses, of which the proxy appends the last. */
  trustedProxyHeader: setting('TRUSTED_PROXY_HEADER', headerName.default('x-forwarded-for')),
  /** Origins of web pages that may call the API. */
  corsOrigins: setting('CORS_ORIGINS', list.pipe(z.array(origin)).default([])),
  /** Whether clients of Molecule's platform (spring 2026) are served as they expect. */
  moleculeCompat: flag('MOLECULE_COMPAT'),
  /** Whether agent cards can be read without a token, where a workspace does not say it. */
  publicAgentCards: flag('PUBLIC_AGENT_CARDS'),
  logLevel: setting('LOG_LEVEL', oneOf(['debug', 'info', 'warn', 'error', 'silent']).default('warn')),
  /** Seconds between two sweeps of this process. */
  sweepIntervalSeconds: setting('SWEEP_INTERVAL_SECONDS', number(1, 3600).default(5)),
  /** Processes that share the port; `auto` is one for each processor. Node only. */
  workers: setting('WORKERS', workers.default(1)),
  /** How long running work may continue after the process is asked to stop. Node only. */
  shutdownGraceMs: setting('SHUTDOWN_GRACE_SECONDS', number(0, 300).default(5).transform(toMilliseconds)),
  /** Requests that one invocation of a Worker may send, statements included. */
  subrequestLimit: setting('SUBREQUEST_LIMIT', integer(50, 10_000_000).default(10_000)),
}

export const EMULATOR = {
  port: setting('EMULATOR_PORT', port.default(4280)),
  /** How long an emulated machine takes to start. */
  bootMs: setting('EMULATOR_BOOT_MS', integer(0, 600_000).default(1000)),
  /** Programs of this computer in place of images. Empty: every runtime's image runs the sample agent. */
  images: setting('EMULATOR_IMAGES', emulatedImages.default({ commands: {} })),
}
