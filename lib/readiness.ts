// Whether this server can do its work: its database answers and has our tables, Fly lets us in, and somebody sweeps. What it
// says is for anybody who asks, so it names no cause; the log does.
import { sql } from 'drizzle-orm'
import { controlPlane, messages, rollouts, workspaces } from '../drizzle/schema.ts'
import journal from '../drizzle/migrations/meta/_journal.json' with { type: 'json' }
import type { Services } from './services.ts'

export type Check = { ok: boolean; detail: string }
export type Readiness = { ok: boolean; checks: Record<'database' | 'migrations' | 'fly' | 'sweep', Check> }

/** Sweeps that may be missed before somebody should look. */
const MISSED = 3

/** Fly is asked at most so often, whoever asks us. */
const FLY_MS = 30_000

const NEWEST = Math.max(...journal.entries.map(({ when }) => when))

const ok = (detail: string): Check => ({ ok: true, detail })
const failing = (detail: string): Check => ({ ok: false, detail })

/** @returns checks of one process, which remember Fly's last answer */
export function createReadiness(services: Services): () => Promise<Readiness> {
  const { config, db, log, now, provisioner } = services
  let fly: { at: number; check: Check } | undefined

  async function checkFly(): Promise<Check> {
    const at = now().getTime()
    if (fly !== undefined && at - fly.at < FLY_MS) return fly.check
    const check = await tryOut('fly', async () => {
      await provisioner.check()
      return ok('the token may use every app')
    })
    fly = { at, check }
    return check
  }

  async function tryOut(what: string, check: () => Promise<Check>): Promise<Check> {
    try {
      return await check()
    } catch (error) {
      log('warn', 'not ready', { check: what, error })
      return failing('does not answer, or refuses: the log says why')
    }
  }

  return async () => {
    const database = await tryOut('database', async () => {
      await db.execute(sql`select 1`)
      return ok('answers')
    })
    const [migrations, sweep, provider] = await Promise.all([
      tryOut('migrations', checkMigrations),
      tryOut('sweep', checkSweep),
      checkFly(),
    ])
    const checks = { database, migrations, fly: provider, sweep }
    return { ok: Object.values(checks).every((check) => check.ok), checks }
  }

  async function checkMigrations(): Promise<Check> {
    const migration = sql.raw('drizzle.__drizzle_migrations')
    const [row] = await db
      .select({ newest: sql<string>`(select max(created_at) from ${migration})` })
      .from(controlPlane)
    return Number(row?.newest ?? 0) >= NEWEST ? ok('current') : failing('behind: npm run db:migrate')
  }

  async function checkSweep(): Promise<Check> {
    const age = await sweepAgeSeconds(services)
    const most = MISSED * config.sweepIntervalSeconds
    // A process that has just started has not had the time.
    if (age === undefined) return ok('none yet')
    return age <= most
      ? ok(`began ${age} s ago`)
      : failing(`began ${age} s ago, and should every ${config.sweepIntervalSeconds} s`)
  }
}

/** @returns undefined when there never was one */
export async function sweepAgeSeconds({ db, now }: Services): Promise<number | undefined> {
  const [row] = await db.select({ at: controlPlane.lastSweptAt }).from(controlPlane)
  return row?.at == null ? undefined : Math.max(0, Math.round((now().getTime() - row.at.getTime()) / 1000))
}

/** What is counted when somebody asks rather than when it happens, in one statement. */
export async function countStock({ db, now }: Services): Promise<{
  workspaces: Record<string, number>
  messages: Record<string, number>
  rollouts: Record<string, number>
  due: number
}> {
  const [row] = await db
    .select({
      workspaces: sql<Record<string, number>>`(select coalesce(jsonb_object_agg(status, count), '{}') from
        (select ${workspaces.status} as status, count(*) from ${workspaces} group by 1) as stock)`,
      messages: sql<Record<string, number>>`(select coalesce(jsonb_object_agg(state, count), '{}') from
        (select ${messages.state} as state, count(*) from ${messages} where ${messages.state} in ('queued', 'sending') group by 1) as open)`,
      rollouts: sql<Record<string, number>>`(select coalesce(jsonb_object_agg(state, count), '{}') from
        (select ${rollouts.state} as state, count(*) from ${rollouts} where ${rollouts.finishedAt} is null group by 1) as active)`,
      due: sql<number>`(select count(*)::int from ${workspaces} where ${workspaces.nextCheckAt} <= ${now().toISOString()}::timestamptz)`,
    })
    .from(controlPlane)
  return {
    workspaces: row?.workspaces ?? {},
    messages: row?.messages ?? {},
    rollouts: row?.rollouts ?? {},
    due: row?.due ?? 0,
  }
}
