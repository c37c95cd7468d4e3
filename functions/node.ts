// Node entry: the same app, and the sweep on a timer. Without a DATABASE_URL its database is PGlite, without Fly's settings
// its cloud is the embedded emulator, so that `npm start` needs nothing at all.
import { resolve } from 'node:path'
import type { OpenDatabase } from '../drizzle/database.ts'
import { DirectoryInUse } from '../drizzle/drivers/directory-lock.ts'
import {
  type Config,
  ConfigError,
  FLY_SETTINGS,
  parseConfig,
  warnAboutSettings,
} from '../lib/config/config.ts'
import { isLoopback } from '../lib/platform/ip-address.ts'
import { createServices } from '../lib/control-plane/create-services.ts'
import { runDeliveries, releaseDeliveries } from '../lib/control-plane/deliveries.ts'
import { createLog, type Log } from '../lib/platform/log.ts'
import { rejectAddress, targetPolicy } from '../lib/egress/egress-policy.ts'
import { UNREADABLE_HINT } from '../lib/secrets/read-secrets.ts'
import { strangeKeys } from '../lib/secrets/rotate.ts'
import { sweep } from '../lib/control-plane/sweep.ts'
import { releaseAllLeases } from '../lib/lifecycle/queries.ts'
import { createApp } from './app.ts'
import { allowsAnonymous } from './http/authenticate.ts'
import type { startEmbeddedFly } from './node/embedded-fly.ts'
import { createCheckedFetch } from './node/checked-fetch.ts'
import { type Background, listen, PortInUse } from './node/http-server.ts'
import { createNodeA2aHandler, type NodeA2a } from './node/a2a-handler.ts'
import { createNodeTracer, withTraceparent } from './node/tracing/tracer.ts'
import { openDatabase } from './node/open-database.ts'
import { createUndiciTransport } from './node/undici-transport.ts'
import { VERSION } from './http/version.ts'

/** How long what must be written down gets when grace is over, before the process ends as it is. */
const LAST_MS = 2_000

/** How long the last spans may take on their way to whoever collects them. */
const TRACES_MS = 2_000

try {
  await main()
} catch (error) {
  // A mistake of the person who started it gets a sentence; anything else keeps its stack.
  const known = error instanceof ConfigError || error instanceof PortInUse || error instanceof DirectoryInUse
  console.error(known ? error.message : error)
  process.exit(known ? 2 : 1)
}

async function main(): Promise<void> {
  const config = parseConfig(process.env)
  const bare = createLog(config.logLevel, (line) => console.error(line))
  for (const warning of warnAboutSettings(process.env)) bare('warn', warning)
  const tracer = createNodeTracer(process.env, bare)
  const log: Log = tracer === undefined ? bare : withTraceparent(bare, tracer)
  const { host } = config.listen
  const startFly = config.fly.emulator ? await loadEmbeddedFly() : undefined
  const running = new Set<Promise<unknown>>()
  const background: Background = {
    waitUntil(promise) {
      const task = promise
        .catch((error: unknown) => log('error', 'background work failed', { error }))
        .finally(() => running.delete(task))
      running.add(task)
    },
    passThroughOnException() {},
    props: {},
  }

  // The port comes first: if it is taken, nothing else has been touched. Requests wait for the rest.
  const opened = Promise.withResolvers<ReturnType<typeof createApp>>()
  let a2a: NodeA2a | undefined
  const listener = await listen(
    async (request, env) => (await opened.promise).fetch(request, env, background),
    {
      ...config.listen,
      setting: 'PORT',
      first: (incoming, outgoing) => a2a?.(incoming, outgoing) === true,
    },
  )
  const localUrl = `http://${host.includes(':') ? `[${host}]` : host}:${listener.port}`

  const { database, secretKeys } = await openDatabase(config, tracer)
  await refuseStrangeKeys(database, secretKeys, log)
  // PGlite's directory is this process's alone. A predecessor that was killed cannot give its leases back.
  if (database.driver === 'pglite') {
    await releaseAllLeases(database.db, new Date())
    await releaseDeliveries(database.db, new Date())
  }
  const fly = await startFly?.(config, (line) => log('info', line))
  const effective: Config = {
    ...config,
    secretKeys,
    // Emulated agents are on this computer; real ones need the address they can reach us at.
    publicUrl: config.publicUrl ?? (fly === undefined ? undefined : localUrl),
    fly: { ...config.fly, ...(fly === undefined ? {} : { apiUrl: fly.apiUrl, proxyUrl: fly.proxyUrl }) },
  }
  const agents = createUndiciTransport()
  const policy = targetPolicy(effective)
  const targets = createCheckedFetch((name, address) => rejectAddress(policy, name, address))
  const stop = new AbortController()
  const services = createServices(effective, database, {
    fetch,
    fetchTarget: targets.fetch,
    log,
    canRunInBackground: true,
    stopping: stop.signal,
    ...(tracer === undefined ? {} : { tracer }),
    transport: agents.transport,
  })
  const openness = { loopback: isLoopback(host) }
  a2a = createNodeA2aHandler(services, openness, background)
  opened.resolve(createApp(services, openness))

  let timer: NodeJS.Timeout | undefined
  async function beat(): Promise<void> {
    // Deliveries take as long as agents take, and sweeps do not wait for them.
    background.waitUntil(runDeliveries(services))
    try {
      log('debug', 'sweep', await sweep(services))
    } catch (error) {
      log('error', 'the sweep failed', { error })
    }
    if (!stop.signal.aborted)
      timer = setTimeout(() => background.waitUntil(beat()), config.sweepIntervalSeconds * 1000)
  }
  background.waitUntil(beat())

  async function end(): Promise<void> {
    if (stop.signal.aborted) process.exit(1)
    stop.abort()
    clearTimeout(timer)
    const until = Date.now() + config.shutdownGraceMs
    const overdue = setTimeout(() => process.exit(1), config.shutdownGraceMs + 2 * LAST_MS)
    await listener.close(config.shutdownGraceMs)
    // Requests leave work behind, and so does that.
    const left = Math.max(until - Date.now(), LAST_MS)
    const idle = async () => {
      while (running.size > 0) await Promise.all(running)
    }
    await Promise.race([idle(), new Promise((done) => setTimeout(done, left))])
    if (running.size > 0) log('warn', 'ended with work under way', { tasks: running.size })
    await services.activity.flush()
    await tracer?.close(TRACES_MS)
    await agents.close()
    await targets.close()
    await fly?.close()
    await database.close()
    clearTimeout(overdue)
    process.exit(0)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void end())

  console.log(banner(effective, localUrl, database.driver))
}

/**
 * The emulator is for development: an image or an installation for production lacks it, or the agent in it.
 * @throws ConfigError
 */
async function loadEmbeddedFly(): Promise<typeof startEmbeddedFly> {
  try {
    // Its agent runs in processes of their own, where a package that is not there would be noticed much later.
    import.meta.resolve('@a2a-js/sdk')
    return (await import('./node/embedded-fly.ts')).startEmbeddedFly
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new ConfigError([
      `${FLY_SETTINGS.join(', ')} are missing: the embedded emulator is not part of this installation (npm ci brings it)`,
    ])
  }
}

/**
 * Secrets that no key opens mean a wrong key far more often than a lost one: agents would be started in vain. A database that
 * does not answer now is no reason to stay away.
 * @throws ConfigError
 */
async function refuseStrangeKeys({ db }: OpenDatabase, secretKeys: Uint8Array[], log: Log): Promise<void> {
  let strange: string[]
  try {
    strange = await strangeKeys(db, secretKeys)
  } catch (error) {
    log('warn', 'whether the stored secrets can be read is not known', { error })
    return
  }
  if (strange.length === 0) return
  throw new ConfigError([
    `SECRETS_ENCRYPTION_KEY does not open the stored secrets, which were sealed with key ${strange.join(', ')}: ${UNREADABLE_HINT}`,
  ])
}

function banner(config: Config, url: string, driver: string): string {
  const { fly } = config
  const open = allowsAnonymous(config, { loopback: isLoopback(config.listen.host) })
  const lines = [
    `Workspaces on Fly Machines ${VERSION}`,
    '',
    `  API        ${url}   (docs at ${url}/docs)`,
    `  Data       ${driver === 'pglite' ? resolve(config.dataDirectory) : 'the Postgres at DATABASE_URL'}`,
    fly.emulator
      ? `  Fly        the embedded emulator at ${fly.apiUrl}; its machines are processes on this computer`
      : `  Fly        ${fly.apps.length === 1 ? 'app' : 'apps'} ${fly.apps.join(', ')}, region ${fly.region}, at ${fly.apiUrl}`,
    ...(fly.emulator ? [`             real Fly: set ${FLY_SETTINGS.join(', ')}`] : []),
    ...((config.platformUrl ?? config.publicUrl) === undefined
      ? [
          '  Agents     cannot call home: set PUBLIC_URL to an address that machines can reach (readiness is polled instead)',
        ]
      : []),
    open
      ? '  Access     open to this computer; set ADMIN_TOKEN to require a token'
      : config.adminTokens.length === 0
        ? '  Access     CLOSED: set ADMIN_TOKEN (openssl rand -base64 32), or ANONYMOUS_LOOPBACK=true for this computer alone'
        : '  Access     with ADMIN_TOKEN as a bearer token, or tokens made with POST /tokens',
    ...(config.moleculeCompat ? ['  Compat     MOLECULE_COMPAT: status online, test tokens'] : []),
    '',
    'Make a workspace, and be told when it is ready:',
    '',
    `  curl -s -X POST ${url}/workspaces -H 'Content-Type: application/json' -H 'Prefer: wait=30' \\`,
    ...(open ? [] : [`    -H "Authorization: Bearer $ADMIN_TOKEN" \\`]),
    `    -d '{"name": "fly-worker", "runtime": "hermes", "tier": 2}'`,
    '',
  ]
  return lines.join('\n')
}
