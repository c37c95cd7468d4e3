// The only reader of the environment. Parses every setting at once and reports every mistake at once, by name and without
// its value; nothing here depends on a mode word such as NODE_ENV.
import { z } from 'zod'
import { decodeBase64, decodeHex } from '../platform/encoding.ts'
import type { LogLevel } from '../platform/log.ts'
import { FLY_API, type FlyEndpoint } from '../provisioner/fly/endpoint.ts'
import { isAddressRange } from '../platform/ip-address.ts'
import { type ImagePolicy, isRuntime, RUNTIMES, type Runtime } from '../machines/runtimes.ts'

export type Config = {
  listen: { host: string; port: number }
  /** Directory of the embedded database and the emulated machines. */
  dataDirectory: string
  database: { url: string | undefined; neonEndpoint: string | undefined }
  /** Base URL under which agents and callers reach us, without a trailing slash; undefined: derive it from where we listen. */
  publicUrl: string | undefined
  /** The same for agents alone, where they have another way to us than callers. */
  platformUrl: string | undefined
  /** Bearer tokens that may do everything. Empty: open on loopback, closed everywhere else. */
  adminTokens: string[]
  fly: {
    /** True when Fly is the embedded emulator. */
    emulator: boolean
    token: string
    /** Where machines are made; the least loaded one is taken. */
    apps: readonly [string, ...string[]]
    region: string
    /** Whether Fly is reached over the internet or over its private network. */
    endpoint: FlyEndpoint
    apiUrl: string
    /** Where the Fly Proxy listens, when it is not where the endpoint has it. */
    proxyUrl: string | undefined
    /** Where secret values are put: among the app's secrets, or in plain text into each machine's config. */
    secretsDelivery: 'fly' | 'env'
  }
  emulator: { port: number; bootMs: number }
  images: ImagePolicy
  /** Runtimes whose newest published image is rolled out by itself. */
  rollouts: { auto: Runtime[] }
  /** What forges sign their webhooks with; undefined: they are not listened to. */
  forgeSecrets: { github: string | undefined; gitea: string | undefined }
  /** Seconds until provisioning is given up; undefined: per runtime. */
  provisionTimeoutSeconds: number | undefined
  sweepIntervalSeconds: number
  /** Requests that one invocation of a Worker may send, statements included. */
  subrequestLimit: number
  /** How long what is under way gets when the process is asked to stop. Node only. */
  shutdownGraceMs: number
  /** How old an orphaned machine must be before it is destroyed. */
  orphanGraceSeconds: number
  a2a: {
    maxBodyBytes: number
    silenceMs: number
    /** Requests that one workspace is asked at the same time. */
    maxInFlight: number
    /** Requests of one caller; 0: no limit. */
    ratePerMinute: number
    /** How long a stored message is tried, and its answer kept. */
    messageRetentionHours: number
  }
  activity: { retentionDays: number }
  /** How long the log of events is kept. */
  eventsRetentionDays: number
  /** Names, addresses and ranges of private networks that webhooks may be sent to. */
  webhookPrivateTargets: string[]
  /** How long it is kept who asked for what. */
  auditRetentionDays: number
  /** Requests of one caller at the doors that are not A2A's; 0: no limit. */
  apiRatePerMinute: number
  /** Workspaces that one caller may make; 0: no limit. Kept by all replicas together. */
  /** Deliveries of one hook; 0: no limit. */
  webhookRatePerMinute: number
  createRatePerHour: number
  /** Origins of web pages that may call us. */
  corsOrigins: string[]
  /** Whose word on the caller's address is believed. */
  trustedProxy: 'none' | 'cloudflare' | 'fly'
  /** Whether Molecule's clients of spring 2026 are served as they expect (functions/routes/molecule-compat/routes.ts). */
  moleculeCompat: boolean
  /** What stored secrets are sealed with: the first seals, all open. Empty: none can be stored. */
  secretKeys: Uint8Array[]
  logLevel: LogLevel
}

/** The settings that cannot stand together, or alone, with what to do about each. */
export class ConfigError extends Error {
  override name = 'ConfigError'
  readonly problems: string[]

  constructor(problems: string[]) {
    super(
      `The configuration has ${problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`}:\n${problems.map((line) => `  - ${line}`).join('\n')}`,
    )
    this.problems = problems
  }
}

const REGISTRY = 'ghcr.io/molecule-ai'
const EMULATOR_APP = 'molecule-workspaces'
const EMULATOR_TOKEN = 'emulator'

const text = z.string().trim().min(1)
const httpUrl = z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/+$/, ''))
const seconds = (max: number) => z.coerce.number().min(1).max(max)
const port = z.coerce.number().int().min(0).max(65_535)

const list = z.string().transform((value) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean),
)

const runtimeImages = z.string().transform((value, context): Partial<Record<Runtime, string>> => {
  const images: Partial<Record<Runtime, string>> = {}
  for (const pair of value
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean)) {
    const [runtime = '', image = ''] = pair.split(/=(.*)/s)
    if (isRuntime(runtime) && image !== '') images[runtime] = image
    else
      context.addIssue({
        code: 'custom',
        message: `must be runtime=image pairs separated by commas, with runtime one of ${RUNTIMES.join(', ')}`,
      })
  }
  return images
})

const runtimes = list.transform((names, context): Runtime[] =>
  names.filter((name): name is Runtime => {
    if (isRuntime(name)) return true
    context.addIssue({
      code: 'custom',
      message: `must be runtimes separated by commas, each one of ${RUNTIMES.join(', ')}`,
    })
    return false
  }),
)

/** Scheme, host and port of a web page, as browsers send it. */
const origin = z
  .string()
  .refine(
    (text) => URL.canParse(text) && new URL(text).origin === text,
    'must be origins such as https://console.example.com, without a path',
  )

/** 32 random bytes, as `openssl rand` prints them in base64 or hex. */
const encryptionKey = z.string().transform((value, context): Uint8Array => {
  const text = value.trim()
  if (/^[0-9a-f]{64}$/i.test(text)) return decodeHex(text)
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) {
    return decodeBase64(text.replaceAll('-', '+').replaceAll('_', '/').replace(/=$/, ''))
  }
  context.addIssue({
    code: 'custom',
    message: 'must be 32 random bytes in base64 or hex: openssl rand -base64 32',
  })
  return z.NEVER
})

/** A host name, an address, or a range of addresses. */
const privateTarget = z
  .string()
  .toLowerCase()
  .refine(
    (text) => isAddressRange(text) || /^(?=.*[a-z])[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(text),
    'must be host names, addresses or ranges such as hooks.internal,10.1.0.0/16',
  )
/** What a forge signs its deliveries with: whoever guesses it decides what runs. */
const webhookSecret = z.string().trim().min(16, 'must have at least 16 characters: openssl rand -hex 32')

const appName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]*$/, 'must be the name of a Fly app: lower-case letters, digits and dashes')

/** Every variable we know, with its default. README's table of settings is tested against these names. */
export const Environment = z.object({
  HOST: text.default('127.0.0.1'),
  PORT: port.default(8080),
  DATA_DIR: text.default('.data'),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  NEON_HTTP_ENDPOINT: httpUrl.optional(),
  PUBLIC_URL: httpUrl.optional(),
  PLATFORM_URL: httpUrl.optional(),
  ADMIN_TOKEN: list.default([]),
  CONTAINER_BACKEND: z.enum(['flyio']).optional(),
  FLY_API_TOKEN: text.optional(),
  FLY_WORKSPACE_APP: appName.optional(),
  FLY_WORKSPACE_APPS: list.pipe(z.array(appName)).optional(),
  FLY_REGION: z
    .string()
    .regex(/^[a-z]{3}$/, 'must be a Fly region code such as ord')
    .default('ord'),
  FLY_ENDPOINT: z.enum(['public', 'internal']).default('public'),
  FLY_FLAPS_BASE_URL: httpUrl.optional(),
  FLY_PROXY_BASE_URL: httpUrl.optional(),
  EMULATOR_PORT: port.default(4280),
  EMULATOR_BOOT_MS: z.coerce.number().int().min(0).max(600_000).default(1000),
  IMAGE_REGISTRY: text.default(REGISTRY),
  RUNTIME_IMAGES: runtimeImages.default({}),
  ALLOWED_IMAGE_REGISTRIES: list.optional(),
  ROLLOUT_AUTO: runtimes.default([]),
  GITHUB_WEBHOOK_SECRET: webhookSecret.optional(),
  GITEA_WEBHOOK_SECRET: webhookSecret.optional(),
  PROVISION_TIMEOUT_SECONDS: seconds(86_400).optional(),
  SWEEP_INTERVAL_SECONDS: seconds(3600).default(5),
  SUBREQUEST_LIMIT: z.coerce.number().int().min(50).max(10_000_000).default(10_000),
  SHUTDOWN_GRACE_SECONDS: z.coerce.number().min(0).max(300).default(5),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('warn'),
  ORPHAN_GRACE_SECONDS: z.coerce.number().min(0).max(86_400).default(600),
  A2A_MAX_BODY_BYTES: z.coerce.number().int().min(1024).max(100_000_000).default(10_000_000),
  A2A_SILENCE_SECONDS: seconds(86_400).default(300),
  A2A_MAX_IN_FLIGHT: z.coerce.number().int().min(1).max(1_000_000).default(256),
  A2A_RATE_PER_MINUTE: z.coerce.number().int().min(0).max(1_000_000_000).default(6_000),
  MESSAGE_RETENTION_HOURS: z.coerce.number().min(1).max(720).default(24),
  EVENTS_RETENTION_DAYS: z.coerce.number().int().min(1).max(3_650).default(30),
  AUDIT_RETENTION_DAYS: z.coerce.number().int().min(1).max(3_650).default(90),
  API_RATE_PER_MINUTE: z.coerce.number().int().min(0).max(1_000_000_000).default(1_200),
  WEBHOOK_RATE_PER_MINUTE: z.coerce.number().int().min(0).max(1_000_000_000).default(600),
  CREATE_RATE_PER_HOUR: z.coerce.number().int().min(0).max(1_000_000).default(1_000),
  CORS_ORIGINS: list.pipe(z.array(origin)).default([]),
  TRUSTED_PROXY: z.enum(['none', 'cloudflare', 'fly']).default('none'),
  MOLECULE_COMPAT: z.enum(['true', 'false']).default('false'),
  SECRETS_ENCRYPTION_KEY: encryptionKey.optional(),
  SECRETS_DELIVERY: z.enum(['fly', 'env']).default('fly'),
  SECRETS_PREVIOUS_KEYS: list.pipe(z.array(encryptionKey)).default([]),
  ACTIVITY_RETENTION_DAYS: z.coerce.number().int().min(1).max(365).default(7),
  WEBHOOK_PRIVATE_TARGETS: list.pipe(z.array(privateTarget)).default([]),
})

// What people leave in when they copy an example: refused, because a placeholder is a setting that was never made.
const PLACEHOLDER =
  /^(<.*>|\.\.\.|…|change[-_ ]?me|replace[-_ ]?me|todo|tbd|placeholder|example|secret|password|xxx+|your[-_ ].*|""|'')$/i

const isPlaceholder = (value: string) => value.split(',').some((part) => PLACEHOLDER.test(part.trim()))

/** Characters of an ADMIN_TOKEN that others than this computer could try to guess. */
const ADMIN_TOKEN_LENGTH = 16

/** The settings that together switch from the emulator to real Fly. */
export const FLY_SETTINGS = ['CONTAINER_BACKEND', 'FLY_API_TOKEN', 'FLY_WORKSPACE_APP'] as const

/**
 * @param env the process's or the Worker's variables; unknown names are ignored, empty ones count as unset
 * @throws ConfigError naming every variable that is wrong or missing
 */
export function parseConfig(env: Record<string, unknown>): Config {
  const given: Record<string, unknown> = {}
  const problems: string[] = []
  for (const name of Object.keys(Environment.shape)) {
    const value = env[name]
    if (value === undefined || value === '') continue
    if (typeof value === 'string' && isPlaceholder(value)) problems.push(`${name} is still a placeholder`)
    given[name] = value
  }
  const parsed = Environment.safeParse(given)
  if (!parsed.success) {
    for (const issue of parsed.error.issues) problems.push(`${issue.path.join('.')} ${issue.message}`)
  }
  if (given['SECRETS_PREVIOUS_KEYS'] !== undefined && given['SECRETS_ENCRYPTION_KEY'] === undefined) {
    problems.push('SECRETS_PREVIOUS_KEYS is set but SECRETS_ENCRYPTION_KEY is not: previous keys only read')
  }
  problems.push(...halfConfigured(given))
  if (parsed.success) problems.push(...tooManyApps(parsed.data))
  if (!parsed.success || problems.length > 0) throw new ConfigError([...new Set(problems)])

  const settings = parsed.data
  refuseContradictions(settings)
  const emulator = settings.CONTAINER_BACKEND === undefined
  const registry = settings.IMAGE_REGISTRY.replace(/\/+$/, '')
  return {
    listen: { host: settings.HOST, port: settings.PORT },
    dataDirectory: settings.DATA_DIR,
    database: { url: settings.DATABASE_URL, neonEndpoint: settings.NEON_HTTP_ENDPOINT },
    publicUrl: settings.PUBLIC_URL,
    platformUrl: settings.PLATFORM_URL,
    adminTokens: settings.ADMIN_TOKEN,
    fly: {
      emulator,
      token: settings.FLY_API_TOKEN ?? EMULATOR_TOKEN,
      apps: appsOf(settings.FLY_WORKSPACE_APP ?? EMULATOR_APP, settings.FLY_WORKSPACE_APPS ?? []),
      region: settings.FLY_REGION,
      endpoint: settings.FLY_ENDPOINT,
      apiUrl: settings.FLY_FLAPS_BASE_URL ?? FLY_API[settings.FLY_ENDPOINT],
      proxyUrl: settings.FLY_PROXY_BASE_URL,
      secretsDelivery: settings.SECRETS_DELIVERY,
    },
    emulator: { port: settings.EMULATOR_PORT, bootMs: settings.EMULATOR_BOOT_MS },
    images: {
      registry,
      images: settings.RUNTIME_IMAGES,
      // Fly pulls from public registries and from its own; it has no way to log in to another (fly.md §4.2).
      allowed: settings.ALLOWED_IMAGE_REGISTRIES ?? [registry, 'registry.fly.io'],
    },
    rollouts: { auto: settings.ROLLOUT_AUTO },
    forgeSecrets: { github: settings.GITHUB_WEBHOOK_SECRET, gitea: settings.GITEA_WEBHOOK_SECRET },
    provisionTimeoutSeconds: settings.PROVISION_TIMEOUT_SECONDS,
    sweepIntervalSeconds: settings.SWEEP_INTERVAL_SECONDS,
    subrequestLimit: settings.SUBREQUEST_LIMIT,
    shutdownGraceMs: settings.SHUTDOWN_GRACE_SECONDS * 1000,
    orphanGraceSeconds: settings.ORPHAN_GRACE_SECONDS,
    a2a: {
      maxBodyBytes: settings.A2A_MAX_BODY_BYTES,
      silenceMs: settings.A2A_SILENCE_SECONDS * 1000,
      maxInFlight: settings.A2A_MAX_IN_FLIGHT,
      ratePerMinute: settings.A2A_RATE_PER_MINUTE,
      messageRetentionHours: settings.MESSAGE_RETENTION_HOURS,
    },
    activity: { retentionDays: settings.ACTIVITY_RETENTION_DAYS },
    eventsRetentionDays: settings.EVENTS_RETENTION_DAYS,
    webhookPrivateTargets: settings.WEBHOOK_PRIVATE_TARGETS,
    auditRetentionDays: settings.AUDIT_RETENTION_DAYS,
    apiRatePerMinute: settings.API_RATE_PER_MINUTE,
    webhookRatePerMinute: settings.WEBHOOK_RATE_PER_MINUTE,
    createRatePerHour: settings.CREATE_RATE_PER_HOUR,
    corsOrigins: settings.CORS_ORIGINS,
    trustedProxy: settings.TRUSTED_PROXY,
    moleculeCompat: settings.MOLECULE_COMPAT === 'true',
    secretKeys: [
      ...(settings.SECRETS_ENCRYPTION_KEY === undefined ? [] : [settings.SECRETS_ENCRYPTION_KEY]),
      ...settings.SECRETS_PREVIOUS_KEYS,
    ],
    logLevel: settings.LOG_LEVEL,
  }
}

/** Whether only programs on this computer can reach a server that listens there. */
export const isLoopback = (host: string): boolean => /^(127(\.\d{1,3}){3}|::1|localhost)$/.test(host)

/** @throws ConfigError */
function refuseContradictions(settings: z.infer<typeof Environment>): void {
  const problems = [...crossedNetworks(settings)]
  const isExposed = settings.CONTAINER_BACKEND !== undefined || !isLoopback(settings.HOST)
  if (isExposed && settings.ADMIN_TOKEN.some((token) => token.length < ADMIN_TOKEN_LENGTH)) {
    problems.push(
      `ADMIN_TOKEN must have at least ${ADMIN_TOKEN_LENGTH} characters where it guards more than the emulator on this computer: openssl rand -base64 32`,
    )
  }
  if (settings.MOLECULE_COMPAT === 'true' && !isLoopback(settings.HOST)) {
    problems.push(
      `MOLECULE_COMPAT lets callers in without a token, so HOST must be 127.0.0.1, not ${settings.HOST}`,
    )
  }
  if (problems.length > 0) throw new ConfigError(problems)
}

// What could never work, though each setting is fine by itself: found out otherwise when the first agent does not answer.
function crossedNetworks(settings: z.infer<typeof Environment>): string[] {
  const { FLY_ENDPOINT, FLY_PROXY_BASE_URL: proxy, HOST } = settings
  const problems: string[] = []
  if (FLY_ENDPOINT === 'internal' && proxy?.startsWith('https:') === true) {
    problems.push(
      'FLY_PROXY_BASE_URL is https, but with FLY_ENDPOINT=internal machines listen for plain HTTP: unset one of them',
    )
  }
  if (FLY_ENDPOINT === 'public' && proxy !== undefined && isBelow(proxy, 'flycast')) {
    problems.push(
      'FLY_PROXY_BASE_URL is a .flycast address, which machines listen for with FLY_ENDPOINT=internal alone: set that instead',
    )
  }
  for (const name of ['PUBLIC_URL', 'PLATFORM_URL'] as const) {
    const url = settings[name]
    if (url !== undefined && isBelow(url, 'internal') && /^[\d.]+$/.test(HOST)) {
      problems.push(
        `${name} is a .internal address, which is IPv6 alone, but HOST is ${HOST}: use this app's .flycast address, or HOST=::`,
      )
    }
  }
  return problems
}

const isBelow = (url: string, domain: string) => new URL(url).hostname.endsWith(`.${domain}`)

const appsOf = (first: string, more: string[]): [string, ...string[]] => [
  first,
  ...new Set(more.filter((app) => app !== first)),
]

/** Subrequests that a cron run needs beside one list call per app, so that it gets to the workspaces that are due. */
const BESIDE_LISTS = 45

function tooManyApps(settings: z.infer<typeof Environment>): string[] {
  const apps = appsOf(settings.FLY_WORKSPACE_APP ?? EMULATOR_APP, settings.FLY_WORKSPACE_APPS ?? []).length
  if (settings.SUBREQUEST_LIMIT >= BESIDE_LISTS + apps) return []
  return [
    `SUBREQUEST_LIMIT is too small for ${apps} apps, each of which a run has to list: name ${settings.SUBREQUEST_LIMIT - BESIDE_LISTS} at most, or take a plan that allows more`,
  ]
}

// Half a Fly configuration is an error in both directions: falling back to the emulator would look like success.
function halfConfigured(given: Record<string, unknown>): string[] {
  const missing = FLY_SETTINGS.filter((name) => given[name] === undefined)
  if (missing.length === 0 || missing.length === FLY_SETTINGS.length) {
    if (missing.length === 0) return []
    const stray = ['FLY_FLAPS_BASE_URL', 'FLY_PROXY_BASE_URL'].filter((name) => given[name] !== undefined)
    if (given['FLY_ENDPOINT'] === 'internal') stray.push('FLY_ENDPOINT')
    return stray.map(
      (name) =>
        `${name} is set but Fly is not: set ${FLY_SETTINGS.join(', ')}, or unset it to use the emulator`,
    )
  }
  const present = FLY_SETTINGS.filter((name) => given[name] !== undefined)
  return missing.map(
    (name) =>
      `${name} is missing: ${present.join(' and ')} ${present.length === 1 ? 'asks' : 'ask'} for real Fly (unset to use the emulator)`,
  )
}
