// Composes the Node server: listener, database, the backend (Docker, or the embedded emulator of Fly), the app and the
// sweep loop; and shuts it down in the reverse order.
import type { OpenDatabase } from '../../drizzle/database.ts'
import { type Config, ConfigError, FLY_SETTINGS, warnAboutSettings } from '../../lib/config/config.ts'
import { createServices } from '../../lib/control-plane/create-services.ts'
import { LONG_LIVED } from '../../lib/control-plane/long-lived.ts'
import { releaseDeliveries } from '../../lib/control-plane/deliveries.ts'
import { findDatabaseFailure } from '../../lib/control-plane/readiness.ts'
import { rejectAddress, targetPolicy } from '../../lib/egress/egress-policy.ts'
import { releaseAllLeases } from '../../lib/lifecycle/queries.ts'
import { provideDigests } from '../../lib/platform/digest.ts'
import { isLoopback } from '../../lib/platform/ip-address.ts'
import { createLog, type Log } from '../../lib/platform/log.ts'
import { UNREADABLE_HINT } from '../../lib/secrets/read-secrets.ts'
import { unknownKeyIds } from '../../lib/secrets/rotate.ts'
import { createApp } from '../app.ts'
import { describeApi } from '../description/describe-api.ts'
import { serveAssets } from './assets.ts'
import { keepEmulatorClaim } from './emulator-claim.ts'
import { createNodeA2aHandler, type NodeA2aHandler } from './a2a-handler.ts'
import { createBackground } from './background.ts'
import { onStop, shareMetrics, workerNumber } from './cluster/worker.ts'
import { createCheckedFetch } from './checked-fetch.ts'
import { nodeDigests } from './digests.ts'
import { openDocker, urlForContainers, watchMachines } from './docker-backend.ts'
import type { listenForEmbeddedFly } from './embedded-fly.ts'
import { listen } from './http-server.ts'
import { openDatabase } from './open-database.ts'
import { startMessage } from './start-message.ts'
import { onStopSignals } from './stop-signals.ts'
import { startSweepLoop } from './sweep-loop.ts'
import { createNodeTracer, withTraceparent } from './tracing/tracer.ts'
import { acceptSocket } from './web-sockets.ts'
import { createAgentTransport } from './http-client/agent-transport.ts'

/** Where this computer reaches a listener on all of its addresses. */
const ADDRESS_OF_ALL: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }

/** The least time for background work when the grace period is over, before the process exits. */
const LAST_WRITES_MS = 2_000

/** How long the last spans may take to reach the collector. */
const LAST_SPANS_MS = 2_000

/**
 * Starts the server, and stops it at SIGINT or SIGTERM.
 * @param print receives the lines of the log
 * @returns the message to show when it has started
 * @throws ConfigError, PortInUse, DirectoryInUse, EmulatorInUse
 */
export async function startServer(config: Config, print: (line: string) => void): Promise<string> {
  provideDigests(nodeDigests)
  const worker = workerNumber()
  const plainLog = createLog(config.logLevel, print, worker === undefined ? {} : { worker })
  if (worker === undefined || worker === 1)
    for (const warning of warnAboutSettings(process.env)) plainLog('warn', warning)
  const tracer = createNodeTracer(process.env, plainLog)
  const log: Log = tracer === undefined ? plainLog : withTraceparent(plainLog, tracer)
  const { host } = config.listen
  const listenForFly = config.backend === 'emulator' ? await loadEmbeddedFly() : undefined
  const docker = config.backend === 'docker' ? openDocker(config) : undefined
  const background = createBackground(log)

  // The ports come first: if one is in use, nothing else has been touched. Early requests wait for the rest.
  const opened = Promise.withResolvers<ReturnType<typeof createApp>>()
  let a2a: NodeA2aHandler | undefined
  const listener = await listen(
    async (request, env) => (await opened.promise).fetch(request, env, background),
    {
      ...config.listen,
      setting: 'PORT',
      beforeApp: (incoming, outgoing) => a2a?.(incoming, outgoing) === true,
    },
  )
  const localUrl = `http://${ADDRESS_OF_ALL[host] ?? (host.includes(':') ? `[${host}]` : host)}:${listener.port}`
  const flyPorts = await listenForFly?.(config)

  const { database, secretKeys } = await openDatabase(config, tracer)
  const failure = await findDatabaseFailure(database.db)
  // The server starts all the same: it answers 503 with this sentence until the database can be used.
  if (failure === undefined) await rejectUnknownKeys(database, secretKeys, log)
  else log('error', `${failure.message}; ${failure.remedy}`)
  if (database.driver === 'pglite') {
    // Only this process uses PGlite's directory, so leases in it belong to a process that was killed.
    await releaseAllLeases(database.db, new Date())
    await releaseDeliveries(database.db)
  }
  // Only this process uses PGlite's directory, so no other emulator can belong to it.
  const claim =
    flyPorts === undefined || database.driver === 'pglite'
      ? undefined
      : await keepEmulatorClaim(database.db, flyPorts.identity, { isReachable: failure === undefined, log })
  const fly = await flyPorts?.start((line) => log('info', line))
  const effective: Config = {
    ...config,
    secretKeys,
    // Emulated agents run on this computer. Real ones need a URL that they can reach.
    publicUrl: config.publicUrl ?? (fly === undefined ? undefined : localUrl),
    platformUrl:
      config.platformUrl ??
      (docker === undefined || config.publicUrl !== undefined
        ? undefined
        : urlForContainers(config, listener.port)),
    fly: {
      ...config.fly,
      ...(fly === undefined ? {} : { apiUrl: fly.apiUrl, logsUrl: fly.apiUrl, proxyUrl: fly.proxyUrl }),
    },
  }
  const agents = createAgentTransport()
  const policy = targetPolicy(effective)
  const targets = createCheckedFetch((name, address) => rejectAddress(policy, name, address))
  const stop = new AbortController()
  const services = createServices(effective, database, {
    fetch,
    fetchTarget: targets.fetch,
    log,
    longLived: LONG_LIVED,
    stopping: stop.signal,
    ...(tracer === undefined ? {} : { tracer }),
    transport: agents.transport,
    openProvisioner: docker?.openProvisioner,
  })
  const exposure = { loopback: isLoopback(host) }
  a2a = createNodeA2aHandler(services, exposure, background)
  const otherMetrics = shareMetrics(services.metrics)
  opened.resolve(createApp(services, exposure, { describeApi, serveAssets, acceptSocket, otherMetrics }))
  const sweepNow = startSweepLoop(services, background)
  if (docker !== undefined) background.waitUntil(watchMachines(services, sweepNow))

  async function shutDown(): Promise<void> {
    stop.abort()
    const graceEnds = Date.now() + config.shutdownGraceMs
    const overdue = setTimeout(() => process.exit(1), config.shutdownGraceMs + 2 * LAST_WRITES_MS)
    await listener.close(config.shutdownGraceMs)
    const tasks = await background.drain(Math.max(graceEnds - Date.now(), LAST_WRITES_MS))
    if (tasks > 0) log('warn', 'background work was still running at exit', { tasks })
    await services.activity.flush()
    await tracer?.close(LAST_SPANS_MS)
    await agents.close()
    await targets.close()
    await fly?.close()
    await docker?.close()
    await claim?.end()
    await database.close()
    clearTimeout(overdue)
    process.exit()
  }
  const beginShutDown = () => {
    if (!stop.signal.aborted) void shutDown()
  }
  onStopSignals(beginShutDown, () => process.exit(1))
  onStop(beginShutDown)
  return startMessage(effective, localUrl, database.driver, failure)
}

/**
 * The emulator is for development: a production image or installation does not contain it, or not its agent.
 * @throws ConfigError
 */
async function loadEmbeddedFly(): Promise<typeof listenForEmbeddedFly> {
  try {
    // The sample agent runs in processes of its own, which would report a missing package much later.
    import.meta.resolve('@a2a-js/sdk')
    return (await import('./embedded-fly.ts')).listenForEmbeddedFly
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    throw new ConfigError([
      `${FLY_SETTINGS.join(', ')} are missing: the embedded emulator is not part of this installation (npm ci installs it)`,
    ])
  }
}

/**
 * Stored secrets that no key opens usually mean a wrong key, and agents would start without their secrets. A database
 * that does not answer now does not stop the server.
 * @throws ConfigError
 */
async function rejectUnknownKeys({ db }: OpenDatabase, secretKeys: Uint8Array[], log: Log): Promise<void> {
  let unknown: string[]
  try {
    unknown = await unknownKeyIds(db, secretKeys)
  } catch (error) {
    log('warn', 'the keys of the stored secrets could not be checked', { error })
    return
  }
  if (unknown.length === 0) return
  throw new ConfigError([
    `SECRETS_ENCRYPTION_KEY does not open the stored secrets, which were sealed with key ${unknown.join(', ')}: ${UNREADABLE_HINT}`,
  ])
}
