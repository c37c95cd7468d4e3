// Fly accepts about one create a second per app, so a burst of workspaces is spread over apps and time. A turn is the
// time at which a workspace may expect its create, in the order of requests. A permit, taken at that time, keeps
// delayed creates from being sent together. Both are one row per app, shared by all replicas.
import type { ReconcileContext } from './context.ts'
import { and, eq, inArray, isNotNull, sql } from 'drizzle-orm'
import { launchPace, workspaces } from '../../drizzle/schema/index.ts'
import { provisionDeadline } from '../lifecycle/deadline.ts'
import type { ClaimedWorkspace } from '../lifecycle/queries.ts'

/** How much the clocks of replicas may differ. */
const CLOCKS_DIFFER_SECONDS = 60

export type Turn = { app: string; at: Date }

/** The workspace's turn; taken now if it has none yet. Turns follow the order of requests. */
export async function takeTurn(services: ReconcileContext, row: ClaimedWorkspace): Promise<Turn> {
  if (row.launchSlotAt !== null && row.app !== null) return { app: row.app, at: row.launchSlotAt }
  const { db, provisioner } = services
  const now = services.now()
  // A launch that may have been carried out must be repeated in its own app, where its name is taken.
  const app = row.app ?? row.disk?.app ?? (await leastLoadedApp(services))
  const { perSecond, burst } = provisioner.launchRate
  const interval = seconds(1 / perSecond)
  const moment = sql`${now.toISOString()}::timestamptz`
  // A turn is not later than all that wait for theirs take together, unless a process whose clock was wrong gave it.
  const waiting = db
    .select({ count: sql`count(*)::float8` })
    .from(workspaces)
    .where(and(eq(workspaces.app, app), isNotNull(workspaces.launchSlotAt)))
  const latest = sql`${moment} + (${waiting} + ${burst}::float8) * ${interval}`
  const paced = db.$with('paced', { nextTurnAt: launchPace.nextTurnAt }).as(
    sql`insert into ${launchPace} (app, next_turn_at, next_send_at) values (${app}, ${moment} + ${interval}, ${moment})
        on conflict (app) do update set next_turn_at = greatest(least(${launchPace.nextTurnAt}, ${latest}), ${moment}) + ${interval} returning next_turn_at`,
  )
  const at = sql<Date>`greatest(${moment}, (select next_turn_at from paced) - ${seconds(burst / perSecond)})`
  const [turn] = await db
    .with(paced)
    .update(workspaces)
    .set({ launchSlotAt: at, app })
    .where(eq(workspaces.id, row.id))
    .returning({ at: workspaces.launchSlotAt })
  const slot = turn?.at ?? now
  // The deadline counts from the turn.
  if (slot > now) {
    await db
      .update(workspaces)
      .set({ deadlineAt: provisionDeadline(services.config, row.runtime, slot) })
      .where(eq(workspaces.id, row.id))
  }
  return { app, at: slot }
}

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
  const moment = sql`${now.toISOString()}::timestamptz`
  // Permits do not end later, unless a process whose clock was wrong gave one.
  const latest = sql`${moment} + ${seconds(burst / perSecond + CLOCKS_DIFFER_SECONDS)}`
  const sendAt = sql`case when ${launchPace.nextSendAt} > ${latest} then ${moment} else ${launchPace.nextSendAt} end`
  const granted = await db
    .insert(launchPace)
    .values({
      app: of === 'machines' ? app : `${app} ${of}`,
      nextTurnAt: now,
      nextSendAt: sql`${moment} + ${seconds(1 / perSecond)}`,
    })
    .onConflictDoUpdate({
      target: launchPace.app,
      set: { nextSendAt: sql`greatest(${sendAt}, ${moment}) + ${seconds(1 / perSecond)}` },
      setWhere: sql`${sendAt} <= ${moment} + ${seconds((burst - 1) / perSecond)}`,
    })
    .returning({ app: launchPace.app })
  return granted.length > 0 ? {} : { retryMs: 1000 / perSecond }
}

const seconds = (count: number) => sql`make_interval(secs => ${count}::float8)`

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
