// GET /rollouts: rollouts, the progress of each workspace, and the image of every runtime.
import type { Context } from '../config/context.ts'
import type { RolloutContext } from './context.ts'
import type { Store } from '../platform/context.ts'
import { and, asc, desc, eq, sql } from 'drizzle-orm'
import {
  rollouts,
  rolloutWorkspaces,
  runtimeDefaults,
  runtimeImages,
  workspaces,
} from '../../drizzle/schema/index.ts'
import { RUNTIMES, type Runtime, runtimeImage } from '../machines/runtimes.ts'
import { countRollout, recordProgress } from './count-rollout.ts'
import type { Counted } from './decide-rollout.ts'
import { ACTIVE, type Rollout } from './rollout.ts'
import { getRollout } from './rollout-commands.ts'

/** The newest first. Reads one more than `limit`, to know whether there is a next page. */
export async function listRollouts(
  { db }: Store,
  query: {
    limit: number
    runtime?: Runtime | undefined
    before?: { createdAt: Date; id: string } | undefined
  },
): Promise<{ rows: Rollout[]; more: boolean }> {
  const { before, limit, runtime } = query
  const position = sql`(${rollouts.createdAt}, ${rollouts.id})`
  const rows = await db
    .select()
    .from(rollouts)
    .where(
      and(
        runtime === undefined ? undefined : eq(rollouts.runtime, runtime),
        before === undefined
          ? undefined
          : sql`${position} < (${before.createdAt.toISOString()}::timestamptz, ${before.id}::uuid)`,
      ),
    )
    .orderBy(desc(rollouts.createdAt), desc(rollouts.id))
    .limit(limit + 1)
  return { rows: rows.slice(0, limit), more: rows.length > limit }
}

export type RolloutMember = Pick<
  typeof rolloutWorkspaces.$inferSelect,
  'workspaceId' | 'tranche' | 'state' | 'reason' | 'startedAt' | 'readyAt'
> & { name: string; status: string }

export type RolloutProgress = { rollout: Rollout; counted: Counted; members: RolloutMember[] }

/** The most workspaces that are listed, in the order in which they were reached. */
const MOST_MEMBERS = 10_000

/** @throws DomainError `not_found` */
export async function readRollout(services: RolloutContext, id: string): Promise<RolloutProgress> {
  const rollout = await getRollout(services, id)
  if (rollout.finishedAt === null) await recordProgress(services, rollout)
  const members = await services.db
    .select({
      workspaceId: rolloutWorkspaces.workspaceId,
      name: workspaces.name,
      status: sql<string>`${workspaces.status}`,
      tranche: rolloutWorkspaces.tranche,
      state: rolloutWorkspaces.state,
      reason: rolloutWorkspaces.reason,
      startedAt: rolloutWorkspaces.startedAt,
      readyAt: rolloutWorkspaces.readyAt,
    })
    .from(rolloutWorkspaces)
    .innerJoin(workspaces, eq(workspaces.id, rolloutWorkspaces.workspaceId))
    .where(eq(rolloutWorkspaces.rolloutId, id))
    .orderBy(asc(rolloutWorkspaces.startedAt), asc(rolloutWorkspaces.workspaceId))
    .limit(MOST_MEMBERS)
  return { rollout, counted: await countRollout(services, rollout), members }
}

export type RuntimeImage = {
  runtime: Runtime
  /** The image of new workspaces. */
  image: string
  configured: string
  policy: 'manual' | 'auto'
  /** The newest image that webhooks reported. */
  published: { image: string; tag: string; seenAt: Date } | null
  /** The rollout that is under way. */
  rolloutId: string | null
}

export async function listRuntimes({ config, db }: Context): Promise<RuntimeImage[]> {
  const [defaults, published, active] = await Promise.all([
    db.select().from(runtimeDefaults),
    db
      .selectDistinctOn([runtimeImages.runtime])
      .from(runtimeImages)
      .orderBy(runtimeImages.runtime, desc(runtimeImages.seq)),
    db
      .select({ id: rollouts.id, runtime: rollouts.runtime })
      .from(rollouts)
      .where(and(sql`${rollouts.state} in ${ACTIVE}`)),
  ])
  return RUNTIMES.map((runtime): RuntimeImage => {
    const configured = runtimeImage(runtime, config.images)
    return {
      runtime,
      image: defaults.find((one) => one.runtime === runtime)?.image ?? configured,
      configured,
      policy: config.rollouts.auto.includes(runtime) ? 'auto' : 'manual',
      published: published.find((one) => one.runtime === runtime) ?? null,
      rolloutId: active.find((one) => one.runtime === runtime)?.id ?? null,
    }
  })
}
