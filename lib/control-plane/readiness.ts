// Whether this server can do its work: the database answers and is migrated, the provider accepts this
// server, and sweeps run.
// The answer is public, so it names no cause; the log does.
import { sql } from 'drizzle-orm'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { controlPlane, disks, messages, rollouts, workspaces } from '../../drizzle/schema/index.ts'
import journal from '../../drizzle/migrations/meta/_journal.json' with { type: 'json' }
import type { Database } from '../../drizzle/database.ts'
import {
  type DatabaseFailure,
  diagnoseDatabase,
  isMissingTable,
  UNMIGRATED,
} from '../platform/database-errors.ts'
import type { Services } from './services.ts'

export type Check = { ok: boolean; detail: string }
export type Readiness = {
  ok: boolean
  checks: Record<'database' | 'migrations' | 'provider' | 'sweep', Check>
}

/** Missed sweeps before the server counts as not ready. */
const MISSED = 3

/** Milliseconds between two requests to the provider, however often readiness is requested. */
const PROVIDER_MS = 30_000

const NEWEST = Math.max(...journal.entries.map(({ when }) => when))

const ok = (detail: string): Check => ({ ok: true, detail })
const failing = (detail: string): Check => ({ ok: false, detail })

/** @returns the checks of one process, which cache the provider's last answer */
export function createReadiness(services: Services): () => Promise<Readiness> {
  const { config, db, log, provisioner, steady } = services
  let cached: { at: number; check: Check } | undefined

  async function checkProvider(): Promise<Check> {
    const at = steady()
    if (cached !== undefined && at - cached.at < PROVIDER_MS) return cached.check
    const check = await runCheck('provider', async () => ok(await provisioner.check()))
    cached = { at, check }
    return check
  }

  async function runCheck(what: string, check: () => Promise<Check>): Promise<Check> {
    try {
      return await check()
    } catch (error) {
      log('warn', 'not ready', { check: what, error })
      const failure = diagnoseDatabase(error)
      return failing(
        failure === undefined
          ? 'does not answer, or refuses; the log has the cause'
          : `${failure.message}; ${failure.remedy}`,
      )
    }
  }

  return async () => {
    const database = await runCheck('database', async () => {
      await db.execute(sql`select 1`)
      const problem = await services.checkDisk?.()
      if (problem !== undefined) return failing(problem)
      return ok('answers')
    })
    const [migrations, sweep, provider] = await Promise.all([
      runCheck('migrations', checkMigrations),
      runCheck('sweep', checkSweep),
      checkProvider(),
    ])
    const checks = { database, migrations, provider, sweep }
    return { ok: Object.values(checks).every((check) => check.ok), checks }
  }

  async function checkMigrations(): Promise<Check> {
    return (await migrationsOf(db)) === 'behind' ? failing(`behind; ${UNMIGRATED.remedy}`) : ok('current')
  }

  async function checkSweep(): Promise<Check> {
    const age = await sweepAge(services)
    if (age === undefined) return ok('none yet, and nothing to sweep')
    const should = `and should every ${config.sweepIntervalSeconds} s`
    const isLate = age.seconds > MISSED * config.sweepIntervalSeconds
    if (age.never)
      return isLate ? failing(`never began, ${should}: is there a cron trigger?`) : ok('none yet')
    return isLate ? failing(`began ${age.seconds} s ago, ${should}`) : ok(`began ${age.seconds} s ago`)
  }
}

/** @returns why the database cannot be used now; undefined when it can */
export async function findDatabaseFailure(db: Database): Promise<DatabaseFailure | undefined> {
  try {
    if ((await migrationsOf(db)) !== 'behind') return undefined
    return UNMIGRATED
  } catch (error) {
    const failure = diagnoseDatabase(error)
    if (failure === undefined) throw error
    return failure
  }
}

/** Whether the database has the tables of this version; `ahead`: a newer version has migrated it. */
export async function migrationsOf(db: Database): Promise<'behind' | 'current' | 'ahead'> {
  let newest: number
  try {
    const [row] = await db
      .select({ newest: sql<string>`(select max(created_at) from drizzle.__drizzle_migrations)` })
      .from(controlPlane)
    newest = Number(row?.newest ?? 0)
  } catch (error) {
    if (isMissingTable(error)) return 'behind'
    throw error
  }
  if (newest === NEWEST) return 'current'
  return newest < NEWEST ? 'behind' : 'ahead'
}

/**
 * Seconds since the last sweep began or, where there `never` was one, since the first workspace was created.
 * @returns undefined where there is nothing to sweep either
 */
export async function sweepAge({
  db,
  now,
}: Pick<Services, 'db' | 'now'>): Promise<{ seconds: number; never: boolean } | undefined> {
  const [row] = await db
    .select({
      at: controlPlane.lastSweptAt,
      since: sql<string | null>`extract(epoch from
        coalesce(${controlPlane.lastSweptAt}, (select min(${workspaces.createdAt}) from ${workspaces}))) * 1000`,
    })
    .from(controlPlane)
  if (row?.since == null) return undefined
  const seconds = Math.max(0, Math.round((now().getTime() - Number(row.since)) / 1000))
  return { seconds, never: row.at === null }
}

/** The statement of {@link countStock}. */
export const stockStatement = (db: Database, valueOf: ValueOf<{ now: Date }>) => {
  const at = sql`${valueOf('now')}::timestamptz`
  return db
    .select({
      workspaces: sql<Record<string, number>>`(select coalesce(jsonb_object_agg(status, count), '{}') from
        (select ${workspaces.status} as status, count(*) from ${workspaces} group by 1) as stock)`,
      messages: sql<Record<string, number>>`(select coalesce(jsonb_object_agg(state, count), '{}') from
        (select ${messages.state} as state, count(*) from ${messages} where ${messages.state} in ('queued', 'sending') group by 1) as open)`,
      rollouts: sql<Record<string, number>>`(select coalesce(jsonb_object_agg(state, count), '{}') from
        (select ${rollouts.state} as state, count(*) from ${rollouts} where ${rollouts.finishedAt} is null group by 1) as active)`,
      disks: sql<Record<string, number>>`(select coalesce(jsonb_object_agg(state, count), '{}') from
        (select ${disks.state} as state, count(*) from ${disks} where ${disks.state} <> 'gone' group by 1) as kept)`,
      due: sql<number>`(select count(*)::int from ${workspaces} where ${workspaces.nextCheckAt} <= ${at})`,
      lag: sql<
        string | null
      >`(select extract(epoch from ${at} - min(${workspaces.nextCheckAt})) from ${workspaces})`,
    })
    .from(controlPlane)
}

const readStock = prepared(stockStatement, { planEachTime: true })

/** Counts for metrics, read when metrics are requested, in one statement. */
export async function countStock({ db, now }: Services): Promise<{
  workspaces: Record<string, number>
  messages: Record<string, number>
  rollouts: Record<string, number>
  disks: Record<string, number>
  due: number
  /** Seconds since the workspace that is longest overdue became due. */
  lag: number
}> {
  const [row] = await readStock(db, { now: now() })
  return {
    workspaces: row?.workspaces ?? {},
    messages: row?.messages ?? {},
    rollouts: row?.rollouts ?? {},
    disks: row?.disks ?? {},
    due: row?.due ?? 0,
    lag: Math.max(0, Number(row?.lag ?? 0)),
  }
}
