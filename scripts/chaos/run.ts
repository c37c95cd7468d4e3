// A chaos run: Postgres, two replicas of the server and an emulated Fly, then users, faults, an operator and kills at the same
// time; then time to settle, and the check of the invariants.
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import { migratePostgres } from '../../drizzle/drivers/migrate-postgres.ts'
import * as schema from '../../drizzle/schema/index.ts'
import { freePorts } from '../../test/support/ports.ts'
import { startPostgres } from '../../test/support/postgres.ts'
import type { Pace } from './clock.ts'
import { type Cloud, PLATFORM, startCloud } from './cloud.ts'
import { remainsOf, settle, touchedForeigners } from './inspect.ts'
import { runOperator } from './operator.ts'
import { type Chance, chanceOf } from './random.ts'
import { startDatabaseRelay } from './database-faults.ts'
import { createReplica, type Replica } from './replica.ts'
import { runUsers, USERS_TOKEN } from './users.ts'
import { type Remains, undelivered, type Violation } from './invariants.ts'
import { runFaultSchedule } from './fault-schedule.ts'

export type ChaosOptions = {
  workspaces: number
  seed: number
  /** How long the chaos lasts, and how long it may take to settle, in seconds of the clock of the run. */
  seconds: number
  settleSeconds: number
  pace: Pace
  /** The share of workspaces that must become ready, and of messages that must be answered. */
  leastProven: number
  /** An empty Postgres database to use; without one a server is started. */
  database?: string | undefined
  report: (line: string) => void
}

export type Figures = {
  workspaces: number
  /** How often a workspace came all the way to ready. */
  lifecycles: number
  /** Faults put in force, and things done to machines behind our back. */
  faults: number
  kills: number
  messages: number
  /** Messages that an agent answered; `stored`: those of them that were stored first. */
  answered: number
  stored: number
  violations: Violation[]
  /** What is known of each workspace that a violation is about. */
  stories: string[]
  settledAfter: number | undefined
}

const REGIONS = ['ord', 'iad', 'fra', 'nrt']

/** Enough apps for Fly's limit of one create a second per app. */
const appsFor = (workspaces: number) =>
  Array.from({ length: Math.max(2, Math.ceil(workspaces / 50)) }, (_, at) => `chaos-${at + 1}`)

export async function runChaos(options: ChaosOptions): Promise<Figures> {
  const { pace, report, seed } = options
  const apps = appsFor(options.workspaces)
  const postgres = options.database === undefined ? await startPostgres() : undefined
  const databaseUrl = options.database ?? postgres?.url ?? ''
  let replicas: Replica[] = []
  let cloud: Cloud | undefined
  const database = connectPostgres(databaseUrl, { max: 4 })
  const relay = await startDatabaseRelay(databaseUrl)
  try {
    await migratePostgres(databaseUrl)
    const [self] = await database.db.select().from(schema.controlPlane)
    const controlPlane = self?.id ?? ''
    let turn = 0
    const home = () => {
      const living = replicas.filter((replica) => replica.isUp())
      return living[turn++ % Math.max(1, living.length)]?.url
    }
    cloud = await startCloud({ apps, seed, speed: pace.speed, guests: chanceOf(seed, 'guests'), home })
    const settings = {
      DATABASE_URL: relay.url,
      SECRETS_ENCRYPTION_KEY: Buffer.alloc(32, 1).toString('base64'),
      CONTAINER_BACKEND: 'flyio',
      FLY_API_TOKEN: 'chaos-token',
      FLY_WORKSPACE_APP: apps[0] ?? '',
      FLY_WORKSPACE_APPS: apps.join(','),
      FLY_REGION: REGIONS[0] ?? '',
      FLY_FLAPS_BASE_URL: cloud.apiUrl,
      FLY_PROXY_BASE_URL: cloud.proxyUrl,
      PUBLIC_URL: PLATFORM,
      SWEEP_INTERVAL_SECONDS: '1',
      PROVISION_TIMEOUT_SECONDS: '60',
      ORPHAN_GRACE_SECONDS: '10',
      LOG_LEVEL: 'error',
      ADMIN_TOKEN: USERS_TOKEN,
      // Many people share the one token.
      API_RATE_PER_MINUTE: '0',
    }
    replicas = (await freePorts(2)).map((port) => createReplica(port, settings, pace))
    await Promise.all(replicas.map((replica) => replica.start()))

    report(`${options.seconds} s of chaos for ${options.workspaces} workspaces in ${apps.length} apps`)
    const over = AbortSignal.timeout(options.seconds * 1000)
    const chance = (stream: string) => chanceOf(seed, stream)
    const [record, faults, manual, kills, databaseFaults] = await Promise.all([
      runUsers({
        chance,
        replicas,
        regions: REGIONS,
        workspaces: options.workspaces,
        createMs: options.seconds * 700,
        over,
      }),
      runFaultSchedule(cloud, chance('faults'), REGIONS, over),
      runOperator(cloud, chance('operator'), { apps, regions: REGIONS, controlPlane, over }),
      stopReplicas(replicas, chance('killer'), over),
      relay.runFaults(chance('database'), over),
    ])
    report(
      `calm: ${record.requests} requests, ${faults} faults, ${manual.actions} by hand, ${databaseFaults} of the database, ${kills} kills`,
    )
    report(
      `messages ${count(record.messages.map(({ outcome, reason }) => (typeof reason === 'string' ? reason : outcome)))}`,
    )

    const look = () => remainsOf(database.db, cloud, controlPlane)
    const { settledAfter, open } = await settle(look, options.settleSeconds, report)
    const remains = await look()
    report(`workspaces ${count(remains.rows.map(({ status, reason }) => withCode(status, reason?.code)))}`)
    const lifecycles = [...remains.events.values()]
      .flat()
      .filter(({ type }) => type === 'agent_answered').length
    const stored = remains.messages.filter(({ state }) => state === 'answered').length
    const answered = stored + record.messages.filter(({ outcome }) => outcome === 'answered').length
    const violations: Violation[] = [
      ...tooLittleProven(
        options.leastProven,
        remains.rows.length,
        lifecycles,
        answered,
        record.messages.length,
      ),
      ...open,
      ...undelivered(remains, record, cloud.arrivals, manual.foreign),
      ...(await touchedForeigners(cloud, manual.foreign)),
      ...replicas.flatMap((replica): Violation[] =>
        replica.deaths() === 0 ? [] : [{ kind: 'unexplained', what: 'a replica ended by itself' }],
      ),
    ]
    const stories = await storiesOf(violations, remains, home)
    report(`logged ${count(replicas.flatMap(({ errors }) => errors.map(shortenLogLine)))}`)
    return {
      workspaces: remains.rows.length,
      lifecycles,
      faults: faults + manual.actions + databaseFaults,
      kills,
      messages: record.messages.length,
      answered,
      stored,
      violations,
      stories,
      settledAfter,
    }
  } finally {
    await Promise.all(replicas.map((replica) => replica.kill()))
    await cloud?.close()
    await relay.close()
    await database.close()
    await postgres?.stop()
  }
}

const withCode = (status: string, code: string | undefined) =>
  code === undefined ? status : `${status}:${code}`

/** How often each word is there, most often first. */
function count(words: string[]): string {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return [...counts]
    .toSorted(([, one], [, other]) => other - one)
    .map(([word, times]) => `${word}=${times}`)
    .join(' ')
}

/** A violation if the run was too calm, or too broken, to prove anything. */
function tooLittleProven(
  least: number,
  workspaces: number,
  lifecycles: number,
  answered: number,
  messages: number,
): Violation[] {
  if (lifecycles >= workspaces * least && answered >= messages * least) return []
  const what = `too little was proven: ${lifecycles} lifecycles of ${workspaces} workspaces, ${answered} of ${messages} messages answered`
  return [{ kind: 'unexplained', what }]
}

/** @returns how many processes were killed */
async function stopReplicas(replicas: Replica[], chance: Chance, over: AbortSignal): Promise<number> {
  let kills = 0
  while (!over.aborted) {
    await chance.pause(10_000, 40_000)
    // Mostly one, sometimes all.
    const victims = chance.hit(0.2) ? replicas : [chance.pick(replicas)]
    // Some are asked to stop, most are not.
    const signal = chance.hit(0.3) ? 'SIGTERM' : 'SIGKILL'
    await Promise.all(victims.map((replica) => replica.kill(signal)))
    kills += victims.length
    await chance.pause(100, 3_000)
    await Promise.all(victims.map((replica) => replica.start()))
  }
  return kills
}

/** A log line as its message and error, without ids, so that equal ones can be counted. */
function shortenLogLine(line: string): string {
  try {
    const { error, message } = JSON.parse(line) as { error?: { message?: string }; message: string }
    const text = error?.message === undefined ? message : `${message} (${error.message.split('\n')[0]})`
    return `"${text.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>')}"`
  } catch {
    // Not a log line: the trace of an error that ended the process.
    return `"${line.trim()}"`
  }
}

/** At most so many workspaces are record about in full. */
const MOST_STORIES = 12

async function storiesOf(
  violations: Violation[],
  { rows, events }: Remains,
  home: () => string | undefined,
): Promise<string[]> {
  const ids = [...new Set(violations.flatMap(({ workspace }) => workspace ?? []))].slice(0, MOST_STORIES)
  return Promise.all(
    ids.map(async (id) => {
      const explained = rows.some((row) => row.id === id)
        ? await fetch(`${home()}/workspaces/${id}/explain`, {
            headers: { accept: 'text/plain', authorization: `Bearer ${USERS_TOKEN}` },
          }).then(
            (response) => response.text(),
            (error: unknown) => String(error),
          )
        : 'there is no such workspace'
      const story = (events.get(id) ?? []).map(
        ({ type, generation, at, payload }) =>
          `  ${at.toISOString()} g${generation} ${type} ${JSON.stringify(payload)}`,
      )
      return [`workspace ${id}`, explained, ...story].join('\n')
    }),
  )
}
