// Fly accepts about one create a second per app, so a burst of workspaces is spread over apps and time. A turn is the
// time at which a workspace may expect its create, in the order of requests. A permit, taken at that time, keeps
// delayed creates from being sent together. Both are one row per app, shared by all replicas.
import type { ReconcileContext } from './context.ts'
import { and, eq, inArray, isNotNull, type Placeholder, type SQL, sql } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { launchPace, workspaces } from '../../drizzle/schema/index.ts'
import { provisionSeconds } from '../lifecycle/deadline.ts'
import type { ClaimedWorkspace } from '../lifecycle/queries.ts'
import { LEASE_END } from '../platform/lease.ts'
import type { Run } from './step-result.ts'

/** How much the clocks of replicas may differ. */
const CLOCKS_DIFFER_SECONDS = 60

export type Turn = {
  app: string
  at: Date
  /** It comes after the end of the run, so the statement that took it has released the workspace until then. */
  isReleased: boolean
}

/** The workspace's turn; taken now if it has none yet. Turns follow the order of requests. */
export async function takeTurn(
  services: ReconcileContext,
  row: ClaimedWorkspace,
  { until }: Pick<Run, 'until'>,
): Promise<Turn> {
  if (row.launchSlotAt !== null && row.app !== null)
    return { app: row.app, at: row.launchSlotAt, isReleased: false }
  const { db, provisioner } = services
  const now = services.now()
  // A launch that may have been carried out must be repeated in its own app, where its name is taken.
  const app = row.app ?? row.disk?.app ?? (await leastLoadedApp(services))
  const { perSecond, burst } = provisioner.launchRate
  const [turn] = await turnStatement(db, {
    id: row.id,
    leaseId: row.leaseId,
    seen: row.nextCheckAt,
    until: new Date(Math.max(until, now.getTime())),
    app,
    now,
    interval: 1 / perSecond,
    burst,
    ahead: burst / perSecond,
    provisioning: provisionSeconds(services.config, row.runtime),
  })
  return { app, at: turn?.at ?? now, isReleased: turn?.isReleased === true }
}

type Pace = { app: string; now: Date; interval: number }
type TurnValues = Pace & {
  id: string
  leaseId: string
  seen: Date | null
  until: Date
  burst: number
  ahead: number
  provisioning: number
}

const turnStatement = prepared((db, valueOf: ValueOf<TurnValues>) => {
  const app = sql`${valueOf('app')}::text`
  const moment = sql`${valueOf('now')}::timestamptz`
  const interval = seconds(valueOf('interval'))
  // A turn is not later than all that wait for theirs take together, unless a process whose clock was wrong gave it.
  const waiting = db
    .select({ count: sql`count(*)::float8` })
    .from(workspaces)
    .where(and(eq(workspaces.app, app), isNotNull(workspaces.launchSlotAt)))
  const latest = sql`${moment} + (${waiting} + ${valueOf('burst')}::float8) * ${interval}`
  const paced = db.$with('paced', { nextTurnAt: launchPace.nextTurnAt }).as(
    sql`insert into ${launchPace} (app, next_turn_at, next_send_at) values (${app}, ${moment} + ${interval}, ${moment})
        on conflict (app) do update set next_turn_at = greatest(least(${launchPace.nextTurnAt}, ${latest}), ${moment}) + ${interval} returning next_turn_at`,
  )
  const turn = db
    .$with('turn', {})
    .as(sql`select greatest(${moment}, next_turn_at - ${seconds(valueOf('ahead'))}) as at from paced`)
  const at = sql<Date>`(select at from turn)`
  const whenLate = (then: SQL, column: PgColumn) =>
    sql`case when ${at} > ${moment} then ${then} else ${column} end`
  // A change that came while the lease was held is looked at first (lifecycle/queries.ts).
  const isHeld = sql`${workspaces.leaseId} = ${valueOf('leaseId')}::uuid`
  const isToRelease = sql`(${at} > ${valueOf('until')}::timestamptz and ${isHeld}
    and ${workspaces.nextCheckAt} is not distinct from ${valueOf('seen')}::timestamptz)`
  const whenReleased = (then: SQL, column: PgColumn) =>
    sql`case when ${isToRelease} then ${then} else ${column} end`
  return db
    .with(paced, turn)
    .update(workspaces)
    .set({
      launchSlotAt: at,
      app,
      // The deadline counts from the turn.
      deadlineAt: whenLate(sql`${at} + ${seconds(valueOf('provisioning'))}`, workspaces.deadlineAt),
      leaseId: whenReleased(sql`null`, workspaces.leaseId),
      // That of a new workspace is short.
      leasedUntil: sql`case when ${isToRelease} then null when ${isHeld} then ${LEASE_END} else ${workspaces.leasedUntil} end`,
      nextCheckAt: whenReleased(at, workspaces.nextCheckAt),
      attempts: whenReleased(sql`0`, workspaces.attempts),
    })
    .where(eq(workspaces.id, valueOf('id')))
    .returning({
      at: workspaces.launchSlotAt,
      isReleased: sql<boolean>`${workspaces.leaseId} is distinct from ${valueOf('leaseId')}::uuid`,
    })
})

/**
 * Permission to send one create to an app now, or the milliseconds until the next try. Machines and disks have a limit
 * each (docs/facts/fly.md §6).
 */
export async function takePermit(
  { db, provisioner }: ReconcileContext,
  app: string,
  now: Date,
  of: 'machines' | 'disks' = 'machines',
): Promise<{ retryMs?: number }> {
  const { perSecond, burst } = provisioner.launchRate
  const granted = await permitStatement(db, {
    app: of === 'machines' ? app : `${app} ${of}`,
    now,
    interval: 1 / perSecond,
    ahead: (burst - 1) / perSecond,
    longest: burst / perSecond + CLOCKS_DIFFER_SECONDS,
  })
  return granted.length > 0 ? {} : { retryMs: 1000 / perSecond }
}

const permitStatement = prepared((db, valueOf: ValueOf<Pace & { ahead: number; longest: number }>) => {
  const moment = sql`${valueOf('now')}::timestamptz`
  const interval = seconds(valueOf('interval'))
  // Permits do not end later, unless a process whose clock was wrong gave one.
  const latest = sql`${moment} + ${seconds(valueOf('longest'))}`
  const sendAt = sql`case when ${launchPace.nextSendAt} > ${latest} then ${moment} else ${launchPace.nextSendAt} end`
  return db
    .insert(launchPace)
    .values({ app: valueOf('app'), nextTurnAt: moment, nextSendAt: sql`${moment} + ${interval}` })
    .onConflictDoUpdate({
      target: launchPace.app,
      set: { nextSendAt: sql`greatest(${sendAt}, ${moment}) + ${interval}` },
      setWhere: sql`${sendAt} <= ${moment} + ${seconds(valueOf('ahead'))}`,
    })
    .returning({ app: launchPace.app })
})

const seconds = (count: Placeholder) => sql`make_interval(secs => ${count}::float8)`

async function leastLoadedApp({ db, provisioner }: ReconcileContext): Promise<string> {
  const { apps } = provisioner
  if (apps.length === 1) return apps[0]
  const loads = await db
    .select({ app: workspaces.app, machines: sql<number>`count(*)::int` })
    .from(workspaces)
    .where(sql`${inArray(workspaces.app, [...apps])} and ${isNotNull(workspaces.app)}`)
    .groupBy(workspaces.app)
  const loadOf = (app: string) => loads.find((load) => load.app === app)?.machines ?? 0
  return apps.reduce((least, app) => (loadOf(app) < loadOf(least) ? app : least), apps[0])
}
