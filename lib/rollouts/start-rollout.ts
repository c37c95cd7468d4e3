// POST /rollouts: stores the rollout. The earlier image is stored by the digest that the machines run: its tag may
// name the new image by now, and a rollback to the tag would change nothing.
import type { Context } from '../config/context.ts'
import type { Store } from '../platform/context.ts'
import { and, eq, inArray, sql } from 'drizzle-orm'
import { events, rollouts, runtimeDefaults, workspaces } from '../../drizzle/schema/index.ts'
import { DomainError, invalidField } from '../platform/errors.ts'
import { repositoryOf } from '../machines/image-reference.ts'
import { isAllowedImage, type Runtime, runtimeImage } from '../machines/runtimes.ts'
import { machineRuntimeOf } from '../workspaces/workspace-input.ts'
import { appendRolloutEvent, countEvent } from './change-rollout.ts'
import { countFailures, mayBeFailure } from './count-failures.ts'
import { runsAnother } from './selectors.ts'
import { planOf, type RolloutInput } from './plan.ts'
import { ACTIVE, type Rollout } from './rollout.ts'

/** The period before the rollout whose failures are the baseline. */
const BASELINE_SECONDS = 86_400

/** The number of newest events that are searched. */
const BASELINE_EVENTS = 10_000

/**
 * @param publicationId the publication that starts it; null for a request
 * @throws DomainError `invalid_input`; `conflict` naming the active rollout of the runtime
 */
export async function startRollout(
  services: Context,
  input: RolloutInput,
  publicationId: string | null = null,
): Promise<Rollout> {
  const { by = 'system', config, db } = services
  const now = services.now()
  const runtime = machineRuntimeOf(input.runtime)
  const image = imageOf(services, runtime, input)
  if (input.workspaces !== undefined) await checkNamed(services, runtime, input.workspaces)
  const before = await readBefore(services, runtime, image)
  const previousImage = before.image ?? runtimeImage(runtime, config.images)
  const row: Omit<Rollout, 'leaseId' | 'leasedUntil' | 'watchingSince' | 'finishedAt' | 'reason'> = {
    id: crypto.randomUUID(),
    runtime,
    image,
    previousImage,
    publicationId,
    startedBy: by,
    plan: planOf(input, before.fleet),
    only: input.workspaces ?? null,
    baseline: { deaths: before.deaths, workspaces: before.workspaces, seconds: BASELINE_SECONDS },
    afterSeq: before.seq,
    state: 'running',
    tranche: 0,
    trancheSince: now,
    createdAt: now,
    updatedAt: now,
  }
  const started = db.$with('started').as(db.insert(rollouts).values(row).onConflictDoNothing().returning())
  // Until the rollout ends, other launches get the earlier image by its digest.
  const kept = db.$with('kept', {}).as(
    sql`insert into ${runtimeDefaults} (runtime, image, rollout_id, updated_at)
      select runtime, previous_image, id, created_at from started
      on conflict (runtime) do update set image = excluded.image, rollout_id = excluded.rollout_id, updated_at = excluded.updated_at`,
  )
  const payload = services.by === undefined ? {} : { by }
  const logged = appendRolloutEvent(db, 'started', 'rollout_started', now, payload)
  const [stored] = await db.with(started, kept, logged).select().from(started)
  if (stored === undefined) throw await activeRolloutConflict(services, runtime)
  countEvent(services, 'rollout_started')
  return stored
}

/** @throws DomainError `invalid_input` */
function imageOf({ config }: Context, runtime: Runtime, { digest, image }: RolloutInput): string {
  if ((image === undefined) === (digest === undefined)) throw invalidField('image', 'give image or digest')
  const configured = runtimeImage(runtime, config.images)
  if (image === undefined) return `${repositoryOf(configured)}@${digest ?? ''}`
  if (!isAllowedImage(image, config.images) && repositoryOf(image) !== repositoryOf(configured)) {
    const allowed = config.images.allowed.join(' or ')
    throw invalidField(
      'image',
      `must start with ${allowed} (ALLOWED_IMAGE_REGISTRIES), or be ${repositoryOf(configured)}`,
    )
  }
  // Next to a digest the tag has no meaning, and the provider does not show it.
  const at = image.indexOf('@')
  return at === -1 ? image : `${repositoryOf(image)}${image.slice(at)}`
}

/** Named workspaces must be ready, or the rollout would wait for them. @throws DomainError `invalid_input` */
async function checkNamed({ db }: Store, runtime: Runtime, ids: string[]): Promise<void> {
  const rows = await db
    .select({
      id: workspaces.id,
      image: workspaces.image,
      runtime: workspaces.runtime,
      status: workspaces.status,
    })
    .from(workspaces)
    .where(inArray(workspaces.id, ids))
  for (const id of ids) {
    const row = rows.find((one) => one.id === id)
    if (row === undefined || row.status === 'removed')
      throw invalidField('workspaces', `there is no workspace ${id}`)
    if (row.runtime !== runtime) throw invalidField('workspaces', `${id} is of the runtime ${row.runtime}`)
    if (row.image !== null) throw invalidField('workspaces', `${id} has an image of its own`)
    if (row.status !== 'ready' && row.status !== 'degraded')
      throw invalidField('workspaces', `${id} is ${row.status}, and has to be ready`)
  }
}

/** The runtime before the rollout: its image, how many workspaces run it, and how often they fail. */
async function readBefore({ db, now }: Store, runtime: Runtime, image: string) {
  const since = new Date(now().getTime() - BASELINE_SECONDS * 1000).toISOString()
  const own = sql`${workspaces.runtime} = ${runtime} and ${workspaces.image} is null`
  const runs = sql`${own} and ${workspaces.status} in ('ready', 'degraded')`
  // Each is wrapped in its own template, because drizzle omits table names of columns that a selection names
  // directly.
  const current = sql`coalesce(
    (select ${runtimeDefaults.image} from ${runtimeDefaults} where ${runtimeDefaults.runtime} = ${runtime}),
    (select ${workspaces.machineImage} from ${workspaces} where ${runs} and ${workspaces.machineImage} like '%@%'
      group by 1 order by count(*) desc, 1 limit 1))`
  const deaths =
    countFailures(sql`(select death.* from (select ${events.workspaceId} as id, ${events.type} as type,
      ${events.generation} as generation, ${events.at} as at from ${events}
      where ${mayBeFailure} order by ${events.seq} desc limit ${BASELINE_EVENTS}) as death
    join ${workspaces} on ${workspaces.id} = death.id where death.at >= ${since}::timestamptz and ${own}) as failures`)
  const [row] = await db
    .select({
      image: sql<string | null>`${current}`,
      fleet: sql<number>`(select count(*)::int from ${workspaces} where ${runs} and ${runsAnother(runtime, image)})`,
      workspaces: sql<number>`(select count(*)::int from ${workspaces} where ${runs})`,
      deaths: sql<number>`${deaths}`,
      seq: sql<string | number>`(select coalesce(max(seq), 0) from ${events})`,
    })
    .from(sql`(select) as nothing`)
  return {
    image: row?.image ?? null,
    fleet: row?.fleet ?? 0,
    workspaces: row?.workspaces ?? 0,
    deaths: row?.deaths ?? 0,
    seq: Number(row?.seq ?? 0),
  }
}

async function activeRolloutConflict({ db }: Store, runtime: Runtime): Promise<DomainError> {
  const [active] = await db
    .select({ id: rollouts.id, image: rollouts.image, state: rollouts.state })
    .from(rollouts)
    .where(and(eq(rollouts.runtime, runtime), inArray(rollouts.state, [...ACTIVE])))
  const which = active === undefined ? '' : `: ${active.id} of ${active.image} is ${active.state}`
  return new DomainError(
    'conflict',
    `${runtime} has a rollout under way${which}; let it end, or roll it back`,
    {
      details: active === undefined ? {} : { rollout_id: active.id, rollout_state: active.state },
    },
  )
}
