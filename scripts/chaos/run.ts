// A chaos run: Postgres, two replicas of the server and an emulated Fly, then users, faults, an operator's hands and
// SIGKILLs all at once; then calm, time to settle, and the verdict.
import { connectPostgres, migratePostgres } from '../../drizzle/drivers/postgres.ts'
import * as schema from '../../drizzle/schema/index.ts'
import { freePorts } from '../../test/support/ports.ts'
import { startPostgres } from '../../test/support/postgres.ts'
import type { Pace } from './clock.ts'
import { type Cloud, PLATFORM, startCloud } from './cloud.ts'
import type { StoredEvent } from './history.ts'
import { meddle } from './operator.ts'
import { type Chance, chanceOf, sleep } from './random.ts'
import { createReplica, type Replica } from './replica.ts'
import { keepBusy, USERS_TOKEN } from './users.ts'
import { type Remains, unsettled, undelivered, type Violation } from './invariants.ts'
import { runFaultSchedule } from './fault-schedule.ts'

export type ChaosOptions = {
  workspaces: number
  seed: number
  /** How long the chaos lasts, and how long it may take to settle, in seconds of the run's own clock. */
  seconds: number
  settleSeconds: number
  pace: Pace
  /** An empty Postgres database to use; without one a server is started. */
  database?: string | undefined
  say: (line: string) => void
}

export type Figures = {
  workspaces: number
  /** How often a workspace came all the way to ready. */
  lifecycles: number
  /** Faults put in force, and things done to machines behind our back. */
  faults: number
  kills: number
  messages: number
  answered: number
  violations: Violation[]
  /** What is known of each workspace that a violation is about. */
  stories: string[]
  settledAfter: number | undefined
}

const REGIONS = ['ord', 'iad', 'fra', 'nrt']

/** Enough that Fly's pace of one create a second per app lets everybody through. */
const appsFor = (workspaces: number) =>
  Array.from({ length: Math.max(2, Math.ceil(workspaces / 50)) }, (_, at) => `chaos-${at + 1}`)

export async function runChaos(options: ChaosOptions): Promise<Figures> {
  const { pace, say, seed } = options
  const apps = appsFor(options.workspaces)
  const postgres = options.database === undefined ? await startPostgres() : undefined
  const databaseUrl = options.database ?? postgres?.url ?? ''
  let replicas: Replica[] = []
  let cloud: Cloud | undefined
  const database = connectPostgres(databaseUrl, { max: 4 })
  try {
    await migratePostgres(databaseUrl)
    const [self] = await database.db.select().from(schema.controlPlane)
    const controlPlane = self?.id ?? ''
    let turn = 0
    const home = () => {
      const living = replicas.filter((replica) => replica.isUp())
      return living[turn++ % Math.max(1, living.length)]?.url
    }
    cloud = await startCloud({ apps, seed, speed: pace.speed, home })
    const settings = {
      DATABASE_URL: databaseUrl,
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

    say(`${options.seconds} s of chaos for ${options.workspaces} workspaces in ${apps.length} apps`)
    const over = AbortSignal.timeout(options.seconds * 1000)
    const chance = (stream: string) => chanceOf(seed, stream)
    const [told, faults, handiwork, kills] = await Promise.all([
      keepBusy({
        chance,
        replicas,
        regions: REGIONS,
        workspaces: options.workspaces,
        createMs: options.seconds * 700,
        over,
      }),
      runFaultSchedule(cloud, chance('weather'), REGIONS, over),
      meddle(cloud, chance('operator'), { apps, regions: REGIONS, controlPlane, over }),
      killNowAndThen(replicas, chance('killer'), over),
    ])
    say(`calm: ${told.requests} requests, ${faults} faults, ${handiwork.actions} by hand, ${kills} kills`)
    say(
      `messages ${count(told.messages.map(({ outcome, reason }) => (typeof reason === 'string' ? reason : outcome)))}`,
    )

    const look = () => remainsOf(database.db, cloud, controlPlane)
    const { settledAfter, open } = await settle(look, options.settleSeconds, say)
    const remains = await look()
    say(`workspaces ${count(remains.rows.map(({ status, reason }) => withCode(status, reason?.code)))}`)
    const lifecycles = [...remains.events.values()]
      .flat()
      .filter(({ type }) => type === 'agent_answered').length
    const answered = told.messages.filter(({ outcome }) => outcome === 'answered').length
    const violations: Violation[] = [
      ...(lifecycles === 0 || answered === 0 ? [NOTHING_PROVEN] : []),
      ...open,
      ...undelivered(remains, told, cloud.arrivals, handiwork.foreign),
      ...(await touchedForeigners(cloud, handiwork.foreign)),
      ...replicas.flatMap((replica): Violation[] =>
        replica.deaths() === 0 ? [] : [{ kind: 'unexplained', what: 'a replica ended by itself' }],
      ),
    ]
    const stories = await storiesOf(violations, remains, home)
    for (const line of new Set(replicas.flatMap(({ errors }) => errors.map(withoutDetails))))
      say(`logged: ${line}`)
    return {
      workspaces: remains.rows.length,
      lifecycles,
      faults: faults + handiwork.actions,
      kills,
      messages: told.messages.length,
      answered,
      violations,
      stories,
      settledAfter,
    }
  } finally {
    await Promise.all(replicas.map((replica) => replica.kill()))
    await cloud?.close()
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

/** Where nothing ever worked, nothing could go wrong either. */
const NOTHING_PROVEN: Violation = {
  kind: 'unexplained',
  what: 'no workspace became ready, or no message was answered',
}

/** @returns how many processes were killed */
async function killNowAndThen(replicas: Replica[], chance: Chance, over: AbortSignal): Promise<number> {
  let kills = 0
  while (!over.aborted) {
    await chance.pause(10_000, 40_000)
    // Mostly one, sometimes all.
    const victims = chance.hit(0.2) ? replicas : [chance.pick(replicas)]
    await Promise.all(victims.map((replica) => replica.kill()))
    kills += victims.length
    await chance.pause(100, 3_000)
    await Promise.all(victims.map((replica) => replica.start()))
  }
  return kills
}

type Look = () => Promise<Remains>

async function remainsOf(
  db: ReturnType<typeof connectPostgres>['db'],
  cloud: Cloud | undefined,
  controlPlane: string,
): Promise<Remains> {
  const events = new Map<string, StoredEvent[]>()
  const rows = await db.select().from(schema.workspaces)
  for (const event of await db.select().from(schema.events).orderBy(schema.events.seq)) {
    const { generation, workspaceId } = event
    if (generation === null || workspaceId === null) continue
    events.set(workspaceId, [...(events.get(workspaceId) ?? []), { ...event, generation }])
  }
  return { rows, events, machines: cloud?.emulator.machines() ?? [], controlPlane, now: new Date() }
}

/** Looks every second until nothing is open twice in a row, or the time is over. */
async function settle(
  look: Look,
  seconds: number,
  say: (line: string) => void,
): Promise<{ settledAfter: number | undefined; open: Violation[] }> {
  const begun = Date.now()
  let calm = 0
  for (let looks = 1; ; looks++) {
    const open = unsettled(await look())
    calm = open.length === 0 ? calm + 1 : 0
    const elapsed = Math.round((Date.now() - begun) / 1000)
    if (calm === 2) return { settledAfter: elapsed, open }
    if (elapsed >= seconds) return { settledAfter: undefined, open }
    if (looks % 10 === 0)
      say(
        `after ${elapsed} s, ${open.length} things are not settled: ${open[0]?.workspace ?? ''} ${open[0]?.what ?? ''}`,
      )
    await sleep(1_000)
  }
}

/** Foreign machines that somebody changed: only a user can have, and the operator did not. */
async function touchedForeigners(cloud: Cloud, foreign: string[]): Promise<Violation[]> {
  const violations: Violation[] = []
  for (const id of foreign) {
    const app = cloud.emulator.machines().find((machine) => machine.id === id)?.app ?? ''
    cloud.emulator.faults.add({ kind: 'rate-limits', on: false })
    const { body } = await cloud.operate('GET', `${app}/machines/${id}`)
    const { events = [] } = (body ?? {}) as { events?: { type: string; source: string }[] }
    for (const { type, source } of events) {
      if (source === 'user' && type !== 'launch' && type !== 'start')
        violations.push({ kind: 'unexplained', what: `foreign machine ${id} met a ${type}` })
    }
  }
  return violations
}

const withoutDetails = (line: string) => line.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>').slice(0, 600)

/** At most so many workspaces are told about in full. */
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
