// What a workspace has used in a period, for the figures of Molecule's canvas: the tokens that its agent reported in its answers,
// and what its machine and disk have cost at list prices. Calls of models are not seen here, so their price is unknown.
import { and, eq, gte, isNotNull, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { activities, disks, events } from '../../drizzle/schema/index.ts'
import { STATUSES, statusesWanting } from '../lifecycle/lifecycle.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import { isTier, TIERS } from '../machines/machine-spec.ts'
import { isExternal } from '../machines/runtimes.ts'
import type { ReconcileContext } from '../reconcile/context.ts'

type Timed = Pick<ReconcileContext, 'db' | 'now' | 'provisioner'>

const MONTH_SECONDS = 30 * 86_400

const RUNNING = statusesWanting('started')

/** Most tokens of one answer that are believed. */
const MOST_TOKENS = 10_000_000

export type Usage = {
  messages: number
  errors: number
  /** Answers that reported tokens. */
  calls: number
  inputTokens: number
  outputTokens: number
}

/** Counts what the activity of a workspace shows since a time; no further back than activity is kept. */
export async function readUsage({ db }: Timed, workspaceId: string, since: Date): Promise<Usage> {
  const { createdAt, method, responseBody, status, type } = activities
  const isMessage = sql`${type} = 'a2a_receive' and ${method} is distinct from 'notify'`
  const usage = sql`coalesce(${responseBody} #> '{result,usage}', ${responseBody} -> 'usage')`
  const tokens = (name: 'input_tokens' | 'output_tokens') => {
    const value = sql`${usage} -> '${sql.raw(name)}'`
    return sql`case when ${isMessage} and jsonb_typeof(${value}) = 'number'
      then least(greatest((${value})::numeric, 0), ${MOST_TOKENS}) else 0 end`
  }
  const [row] = await db
    .select({
      messages: sql`count(*) filter (where ${isMessage})`.mapWith(Number),
      errors: sql`count(*) filter (where ${status} = 'error' or ${type} = 'error')`.mapWith(Number),
      calls: sql`count(*) filter (where ${tokens('input_tokens')} + ${tokens('output_tokens')} > 0)`.mapWith(
        Number,
      ),
      inputTokens: sql`coalesce(trunc(sum(${tokens('input_tokens')})), 0)`.mapWith(Number),
      outputTokens: sql`coalesce(trunc(sum(${tokens('output_tokens')})), 0)`.mapWith(Number),
    })
    .from(activities)
    .where(and(eq(activities.workspaceId, workspaceId), gte(createdAt, since)))
  return row ?? { messages: 0, errors: 0, calls: 0, inputTokens: 0, outputTokens: 0 }
}

/**
 * @returns the estimated price since a time, in US dollars, of a machine of its present size and of its present disk; null
 *   where nothing has a price
 */
export async function costSince(services: Timed, workspace: Workspace, since: Date): Promise<number | null> {
  const {
    db,
    provisioner: { prices },
  } = services
  if (prices === undefined) return null
  if (isExternal(workspace)) return 0
  const now = services.now()
  const seconds = await runningSeconds(db, workspace, since, now)
  const { cpus, memoryMb } = TIERS[isTier(workspace.tier) ? workspace.tier : 2]
  const machine = prices.machine({ cpus, memoryMb }) * (seconds / MONTH_SECONDS)
  const [disk] = await db
    .select({ createdAt: disks.createdAt, sizeGb: disks.sizeGb })
    .from(disks)
    .where(eq(disks.workspaceId, workspace.id))
  if (disk === undefined || disk.createdAt === null) return machine
  const diskSeconds = secondsBetween(disk.createdAt > since ? disk.createdAt : since, now)
  return machine + prices.perGb * disk.sizeGb * (diskSeconds / MONTH_SECONDS)
}

/** How long its statuses wanted a machine that runs, as far as the log of events tells. */
async function runningSeconds(db: Database, workspace: Workspace, since: Date, now: Date): Promise<number> {
  const status = sql`${events.payload} ->> 'status'`
  const from = sql`${since.toISOString()}::timestamptz`
  const to = sql`${now.toISOString()}::timestamptz`
  const changes = db
    .select({
      at: events.at,
      running: sql<boolean>`${status} = any(${`{${RUNNING.join(',')}}`}::text[])`.as('running'),
      until: sql`coalesce(lead(${events.at}) over (order by ${events.seq}), ${to})`.as('until'),
    })
    .from(events)
    .where(
      and(
        eq(events.workspaceId, workspace.id),
        // Other events of the workspace have no generation, no status, or that of a response.
        isNotNull(events.generation),
        sql`${status} = any(${`{${STATUSES.join(',')}}`}::text[])`,
      ),
    )
    .as('changes')
  const [row] = await db
    .select({
      seconds: sql`coalesce(sum(extract(epoch from ${changes.until} - greatest(${changes.at}, ${from})))
        filter (where ${changes.running} and ${changes.until} > ${from}), 0)`.mapWith(Number),
      first: sql<Date | null>`min(${changes.at})`.mapWith(events.at),
    })
    .from(changes)
  const { first = null, seconds = 0 } = row ?? {}
  const began = workspace.createdAt > since ? workspace.createdAt : since
  // Before the oldest event that is kept it ran; without any event, it has had its status all the time.
  const isRunning = first !== null || RUNNING.includes(workspace.status)
  return seconds + (isRunning ? Math.max(0, secondsBetween(began, first ?? now)) : 0)
}

const secondsBetween = (from: Date, to: Date): number => (to.getTime() - from.getTime()) / 1_000
