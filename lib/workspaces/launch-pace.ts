// Turns: Fly takes about one create a second per app, so a burst of workspaces is spread over apps and time instead of
// running into refusals. The queue is one row per app, shared by all replicas; a turn is stored with its workspace.
import { eq, inArray, isNotNull, sql } from 'drizzle-orm'
import { launchPace, workspaces } from '../../drizzle/schema.ts'
import type { Services } from '../services.ts'
import { provisionDeadline } from './deadline.ts'
import type { ClaimedWorkspace } from './queries.ts'

export type Turn = { app: string; at: Date }

/** The workspace's turn; taken now if it has none yet. First asked, first made. */
export async function takeTurn(services: Services, row: ClaimedWorkspace): Promise<Turn> {
  if (row.launchSlotAt !== null && row.app !== null) return { app: row.app, at: row.launchSlotAt }
  const { db, provisioner } = services
  const now = services.now()
  // A launch that may have been carried out has to be repeated in its own app, where its name is taken.
  const app = row.app ?? (await leastLoadedApp(services))
  const { perSecond, burst } = provisioner.launchRate
  const interval = sql`make_interval(secs => ${1 / perSecond}::float8)`
  const slack = sql`make_interval(secs => ${burst / perSecond}::float8)`
  const moment = sql`${now.toISOString()}::timestamptz`
  const paced = db.$with('paced', { nextAt: launchPace.nextAt }).as(
    sql`insert into ${launchPace} (app, next_at) values (${app}, ${moment} + ${interval})
        on conflict (app) do update set next_at = greatest(${launchPace.nextAt}, ${moment}) + ${interval} returning next_at`,
  )
  const at = sql<Date>`greatest(${moment}, (select next_at from paced) - ${slack})`.mapWith(launchPace.nextAt)
  const [turn] = await db
    .with(paced)
    .update(workspaces)
    .set({ launchSlotAt: at, app })
    .where(eq(workspaces.id, row.id))
    .returning({ at: workspaces.launchSlotAt })
  const slot = turn?.at ?? now
  // Waiting for its turn is not the machine's fault: the deadline counts from there.
  if (slot > now) {
    await db
      .update(workspaces)
      .set({ deadlineAt: provisionDeadline(services.config, row.runtime, slot) })
      .where(eq(workspaces.id, row.id))
  }
  return { app, at: slot }
}

async function leastLoadedApp({ db, provisioner }: Services): Promise<string> {
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
