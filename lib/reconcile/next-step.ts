// The next step of a workspace: the pure decision, put off where it would end work that is under way, and changed where
// a hold keeps the workspace awake.
import { and, eq } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import { isHeld } from '../lifecycle/held.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import type { Observed } from '../provisioner/provisioner.ts'
import type { ReconcileContext } from './context.ts'
import { decide } from './decide.ts'
import { undoDrift } from './drift.ts'
import { isOutdated } from './observation.ts'
import type { Step } from './step.ts'
import { findWork } from './work.ts'

/** Pause until work that defers a step is looked at again. */
export const DEFERRED_MS = 15_000

/** What a decision may depend on beside the row. Most decisions do not. */
type Looks = { work: () => Promise<string | undefined>; isHeld: () => Promise<boolean> }

/** @param looks where these are known already; otherwise they are read when they are needed */
export async function nextStep(
  services: ReconcileContext,
  row: Workspace,
  observed: Observed,
  looks: Looks = {
    work: () => findWork(services, row),
    isHeld: () => isHeldAwake(services, row.id),
  },
): Promise<Step> {
  const now = services.now()
  const { driftPolicy, liveness } = services.config
  const decided = decide(row, observed, now, liveness)
  if (decided.do === 'accept_stop' && (await looks.isHeld()))
    return decide({ ...row, onOutsideStop: 'restart' }, observed, now, liveness)
  const step = driftPolicy === 'undo' ? undoDrift(row, observed, now, decided) : decided
  const isRunning = observed.presence === 'present' && observed.machine.phase === 'started'
  if (!isRunning) return step
  const isRecovery = step.do === 'reboot' || step.do === 'give_up'
  const isUnrequested = isRecovery || step.do === 'undo_drift'
  const drainsUntil = endsRun(row, step) ? row.drainUntil : null
  if (!isUnrequested && (drainsUntil === null || drainsUntil <= now)) return step
  if (isRecovery && (isDeferredForTooLong(row, now, liveness.busyMs) || isToEnd(row, now))) return step
  const work = await looks.work()
  if (work === undefined) return step
  if (step.do === 'undo_drift') return undoneAfter(work)
  return isRecovery
    ? deferredBy(work, decide({ ...row, deadlineAt: null }, observed, now, liveness))
    : drainingFor(work, drainsUntil ?? now, now)
}

/** A workspace that has not been ready since its restart is given up in the end, whatever its agent reports. */
const isDeferredForTooLong = ({ deadlineAt, status }: Workspace, now: Date, busyMs: number) =>
  status === 'provisioning' && deadlineAt !== null && now.getTime() - deadlineAt.getTime() >= busyMs

/** A requested restart ends the work of the machine before it, once the time for that is over. So nothing is put off for that work. */
const isToEnd = (row: Workspace, now: Date) =>
  row.status === 'provisioning' &&
  row.machineGeneration !== null &&
  isOutdated(row) &&
  (row.drainUntil === null || row.drainUntil <= now)

/** Steps of a requested restart, rollout or hibernation that end the program which is at work. */
const endsRun = ({ status }: Workspace, { do: step }: Step) =>
  (status === 'provisioning' && (step === 'update' || step === 'destroy')) ||
  (status === 'hibernated' && step === 'suspend')

const undoneAfter = (work: string): Step => ({
  do: 'wait',
  ms: DEFERRED_MS,
  note: `Its machine was changed by others, but ${work}: that is undone later.`,
})

/**
 * The machine of an agent that is at work stays, also after its time is over. It may still have to be recorded, and the agent
 * may answer again.
 * @param unlimited the step if the time were not over
 */
function deferredBy(work: string, unlimited: Step): Step {
  const deferred = {
    ms: DEFERRED_MS,
    note: `Its agent does not answer, but ${work}: the machine is left alone.`,
  }
  if (unlimited.do === 'adopt') return unlimited
  return unlimited.do === 'probe' ? { do: 'probe', deferred } : { do: 'wait', ...deferred }
}

/** Pause until draining work is looked at again. A heartbeat that reports its end is looked at once. */
const DRAIN_LOOK_MS = 3_000

const drainingFor = (work: string, until: Date, now: Date): Step => ({
  do: 'wait',
  ms: Math.min(DRAIN_LOOK_MS, until.getTime() - now.getTime()),
  note: `${work.charAt(0).toUpperCase()}${work.slice(1)}: the machine runs on until that has ended, at the latest until ${until.toISOString()}.`,
})

async function isHeldAwake({ db, now }: ReconcileContext, id: string): Promise<boolean> {
  const [held] = await db
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(and(eq(workspaces.id, id), isHeld(now())))
  return held !== undefined
}
