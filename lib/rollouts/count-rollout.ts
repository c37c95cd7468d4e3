// The figures that a rollout decides by: the state of every workspace that it has reached is updated, then all are
// counted. Two statements, however many workspaces there are.
import type { Context } from '../config/context.ts'
import type { RolloutContext } from './context.ts'
import { type SQL, sql } from 'drizzle-orm'
import {
  events,
  type RolloutReason,
  rolloutWorkspaces,
  type StoredReason,
  workspaces,
} from '../../drizzle/schema/index.ts'
import { PROVISION_TIMEOUT_SECONDS, isRuntime } from '../machines/runtimes.ts'
import { NOT_ABOUT_THE_IMAGE } from '../platform/reasons.ts'
import { countFailures, mayBeFailure } from './count-failures.ts'
import type { Counted } from './decide-rollout.ts'
import { isBusy, isCandidate, isToRestore } from './selectors.ts'
import type { Rollout } from './rollout.ts'

/** Brings the states of the workspaces that a rollout has reached up to date. */
export async function recordProgress({ config, db, now }: Context, rollout: Rollout): Promise<void> {
  const { id, plan, runtime } = rollout
  const moment = sql`${now().toISOString()}::timestamptz`
  const seconds =
    plan.ready_seconds ??
    config.provisionTimeoutSeconds ??
    (isRuntime(runtime) ? PROVISION_TIMEOUT_SECONDS[runtime] : 600)
  const late: RolloutReason = {
    code: 'not_ready_in_time',
    message: `It did not become ready within ${seconds} s.`,
    hint: 'GET /workspaces/{id}/explain shows what it waits for.',
  }
  const isLate = sql`${moment} >= greatest(member.started_at, ${workspaces.drainUntil}) + make_interval(secs => ${seconds})`
  const isNotTheImage = sql`${workspaces.reason} ->> 'code' in ${NOT_ABOUT_THE_IMAGE}`
  await db.execute(sql`
    with observed as (
      select member.workspace_id as id, member.state as old, case
        when member.state = 'restoring' then case
          when ${workspaces.status} in ('ready', 'degraded') and ${workspaces.machineGeneration} = ${workspaces.generation} then 'restored'
          when ${workspaces.status} in ('paused', 'hibernated', 'removed', 'failed') then 'left'
          when ${isLate} and ${waitsWithoutEnd(moment)} then 'left'
          else 'restoring' end
        when ${workspaces.status} = 'failed' then case when ${isNotTheImage} then 'left' else 'failed' end
        when member.state = 'ready' then 'ready'
        when ${workspaces.status} in ('paused', 'hibernated', 'removed') then 'left'
        when ${workspaces.status} in ('ready', 'degraded') and ${workspaces.machineGeneration} = ${workspaces.generation} then 'ready'
        when ${isLate} then case when ${isNotTheImage} then 'left' else 'failed' end
        else 'updating' end as new, ${workspaces.reason} as reason, ${workspaces.status} as status
      from ${rolloutWorkspaces} member join ${workspaces} on ${workspaces.id} = member.workspace_id
      where member.rollout_id = ${id} and member.state in ('updating', 'ready', 'restoring')
    )
    update ${rolloutWorkspaces} set state = observed.new,
      ready_at = case when observed.new = 'ready' then ${moment} else ready_at end,
      reason = case when observed.status = 'failed' then observed.reason
        when observed.new = 'failed' then ${JSON.stringify(late)}::jsonb
        when observed.new = 'left' and observed.status in ('provisioning', 'offline') then observed.reason else ${rolloutWorkspaces.reason} end
    from observed
    where rollout_id = ${id} and workspace_id = observed.id and state = observed.old and observed.new <> observed.old`)
}

/** Whether a workspace that is not at rest waits for its host, or for the end of a cordon, however long that takes. */
const waitsWithoutEnd = (moment: SQL): SQL => sql`coalesce(${workspaces.deadlineAt} <= ${moment}, true)`

export async function countRollout(services: RolloutContext, rollout: Rollout): Promise<Counted> {
  const { db, now } = services
  const { afterSeq, baseline, id } = rollout
  // The figures of a rollout that has ended stay as they were.
  const moment = sql`${(rollout.finishedAt ?? now()).toISOString()}::timestamptz`
  const isBack = rollout.state === 'rolling_back'
  const of = (state: string) => sql<number>`(count(*) filter (where member.state = ${state}))::int`
  const [members] = await db
    .select({
      updating: of('updating'),
      ready: of('ready'),
      failed: of('failed'),
      restoring: of('restoring'),
      unwell: sql<number>`(count(*) filter (where member.state = 'ready' and ${workspaces.status} in ('provisioning', 'offline') and not ${waitsWithoutEnd(moment)}))::int`,
      failure: sql<
        StoredReason | RolloutReason | null
      >`(array_agg(member.reason order by member.started_at) filter (where member.state = 'failed'))[1]`,
      exposure: sql<number>`coalesce(sum(extract(epoch from ${moment} - member.ready_at)) filter (where member.state = 'ready'), 0)::float8`,
      deaths:
        countFailures(sql`(select ${events.workspaceId} as id, ${events.type} as type, ${events.generation} as generation, ${events.at} as at
        from ${events} join ${rolloutWorkspaces} reached on reached.workspace_id = ${events.workspaceId}
        where ${mayBeFailure} and ${events.seq} > ${afterSeq} and ${events.at} between reached.started_at and ${moment}
          and reached.rollout_id = ${id} and reached.state in ('updating', 'ready')) as failures`),
    })
    .from(sql`${rolloutWorkspaces} member`)
    .innerJoin(workspaces, sql`${workspaces.id} = member.workspace_id`)
    .where(sql`member.rollout_id = ${id}`)
  const isAtWork = isBusy(services)
  const wanted = isBack ? isToRestore(rollout) : isCandidate(rollout)
  const [others] = await db
    .select({
      idle: sql<number>`(count(*) filter (where not ${isAtWork}))::int`,
      busy: sql<number>`(count(*) filter (where ${isAtWork}))::int`,
    })
    .from(workspaces)
    .where(rollout.finishedAt === null ? wanted : sql`false`)
  const { idle = 0, busy = 0 } = others ?? {}
  const usual = baseline.deaths / Math.max(1, baseline.workspaces * baseline.seconds)
  return {
    updating: members?.updating ?? 0,
    ready: members?.ready ?? 0,
    unwell: members?.unwell ?? 0,
    failed: members?.failed ?? 0,
    failure: members?.failure ?? null,
    deaths: members?.deaths ?? 0,
    expectedDeaths: usual * (members?.exposure ?? 0),
    restoring: members?.restoring ?? 0,
    idle: isBack ? 0 : idle,
    busy: isBack ? 0 : busy,
    toRestore: isBack ? idle : 0,
    toRestoreBusy: isBack ? busy : 0,
  }
}
