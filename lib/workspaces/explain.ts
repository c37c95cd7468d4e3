// GET /workspaces/:id/explain: what is wanted, what the provider and the agent show, why the status is what it is,
// and what happens next. Observes the machine with one read, which wakes nothing, and decides without acting.
import type { Drift, KeptLine, StoredReason } from '../../drizzle/schema/index.ts'
import { isTransient, wakeTime, wantedMachine } from '../lifecycle/lifecycle.ts'
import { machineName } from '../machines/machine-spec.ts'
import { isExternal } from '../machines/runtimes.ts'
import { pendingCopies } from '../disks/needed.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import type { ProvisionProblem } from '../provisioner/provisioner.ts'
import type { ReconcileContext } from '../reconcile/context.ts'
import { type DiskExplanation, explainDisk } from './explain-disk.ts'
import { driftOf } from '../reconcile/drift.ts'
import { nextStep } from '../reconcile/next-step.ts'
import { MAX_RECOVERIES } from '../reconcile/recoveries.ts'
import type { Step } from '../reconcile/step.ts'
import { workOf } from '../reconcile/work.ts'
import { readForExplanation } from './explain-reads.ts'
import { type SleepEvidence, sleepEvidence } from './sleep-evidence.ts'
import { type Survival, survivalOf } from './survival.ts'

export type Explanation = {
  id: string
  name: string
  status: string
  since: string
  summary: string
  reason: StoredReason | null
  wanted: {
    machine: string
    generation: number
    regions: string[]
    needs_restart: boolean
    deadline_at: string | null
    /** When the machine of a failed workspace is removed. */
    machine_kept_until: string | null
  }
  machine: {
    id: string | null
    app: string | null
    /** `present`, `absent`, `unknown` or `none was requested`. */
    seen: string
    state: string | null
    region: string | null
    generation: number | null
    image: string | null
    /** Whether the host answers; null while nothing is known. */
    host: 'ok' | 'unreachable' | null
    drift: Drift[]
    /** Why the provider says nothing of it. */
    problem: Pick<ProvisionProblem, 'code' | 'message' | 'provider'> | null
  }
  disk: DiskExplanation | null
  agent: {
    registered_at: string | null
    last_heartbeat_at: string | null
    active_tasks: number
    error_rate: number
    /** The last answer to a request for its card. */
    last_probe: { at: string; answered: boolean; detail: string } | null
  }
  next: { step: string; sentence: string; at: string | null }
  recoveries: { used: number; most: number }
  sleep: SleepEvidence
  /** What of the agent's work outlives which event. */
  survives: Survival[]
  last_failure: (StoredReason & { at: string }) | null
  /** What the last machine that ended by itself had printed. */
  last_lines: {
    machine_id: string
    generation: number | null
    reason: string
    at: string
    lines: KeptLine[]
  } | null
  recent_events: { type: string; at: string; payload: Record<string, unknown> }[]
}

const SENTENCES: Record<Exclude<Step['do'], 'rest'>, string> = {
  launch: 'Create the machine when its turn has come.',
  adopt: 'Take over the machine that the provider has for this workspace.',
  create_disk: 'Create the disk, before its machine.',
  find_disk: 'Look for the disk, whose create was sent and not confirmed yet.',
  take_snapshot: 'Take a snapshot of the disk that the new one is a copy of.',
  move_disk: 'Copy the disk to a wanted region by a snapshot; the old disk is kept for a while.',
  restore_disk: 'Give the workspace a disk from the newest snapshot, in place of the lost one.',
  delete_disk: 'Delete the disk, because its workspace was removed and its machine is gone.',
  forget_disk: 'Record that the disk was never created.',
  update: 'Give the machine its newest configuration and boot it.',
  start: 'Start the machine.',
  stop: 'Stop the machine.',
  suspend: 'Suspend the machine, or stop it where its memory cannot be kept.',
  wake: 'Wake the workspace, because its wake_at has come.',
  destroy: 'Destroy the machine.',
  probe: 'Request the agent card; its answer makes the workspace ready.',
  check_agent: 'Request the agent card, because the agent sent no heartbeat for a while.',
  welcome_agent: 'Record that the agent, which runs elsewhere, sends heartbeats.',
  miss_agent: 'Record that the agent, which runs elsewhere, sends no heartbeat any more.',
  suspect_absent: 'Look for the machine again: the provider does not show it, and its lists lag.',
  forget_machine: 'Record that the machine is gone.',
  replace: 'Create a new machine for the one that is gone.',
  undo_drift: 'Give the machine the requested configuration again, and boot it.',
  reboot: 'Reboot the machine, because its agent does not come back.',
  go_offline: 'Record that the agent cannot be reached, and bring it back.',
  accept_stop: 'Let the workspace sleep, because others stopped its machine by request.',
  give_up: 'Give up, and stop the machine. It is kept for FAILED_MACHINE_RETENTION_HOURS.',
  wait_for_machine: 'Wait for the machine, which is changing state.',
  wait: 'Wait, then look again.',
}

/** What follows where no step is left. */
const AT_REST: Record<Workspace['status'], string> = {
  provisioning: 'Nothing.',
  offline: 'Nothing.',
  ready: 'Nothing: everything is as wanted.',
  degraded: 'Nothing, until the agent reports that it is well again, or its card offers HTTP.',
  failed: 'Nothing: it has failed. POST /workspaces/{id}/restart tries again.',
  paused: 'Nothing, until it is resumed.',
  hibernated: 'Nothing, until a message or a wake starts it.',
  removed: 'Nothing: it is removed.',
}

/** An external workspace has no machine: only a heartbeat of its agent makes it ready. */
const UNTIL_HEARTBEAT = 'Nothing, until its agent registers or sends a heartbeat.'

const UNTIL_COPIED = 'Delete the disk, when it was copied for another workspace.'

/** @throws DomainError `not_found` */
export async function explainWorkspace(services: ReconcileContext, id: string): Promise<Explanation> {
  const { db, provisioner } = services
  const { holds, kept, known, next, recent, row } = await readForExplanation(db, id, services.now())
  const observed =
    row.launchId === null
      ? ({ presence: 'absent' } as const)
      : await provisioner.observe(
          row.id,
          row.app ?? '',
          row.machineId,
          machineName(row.id, row.machineSeries),
        )
  const work = workOf(services, row, known)
  const step = await nextStep(services, row, observed, {
    work: () => Promise.resolve(work),
    isHeld: () => Promise.resolve(holds.length > 0),
  })
  const copies =
    step.do === 'delete_disk' && row.disk !== null ? await pendingCopies(services, row.disk.id) : []
  const machine = observed.presence === 'present' ? observed.machine : undefined
  const drift = machine === undefined ? (row.drift ?? []) : driftOf(row, machine)
  return {
    id,
    name: row.name,
    status: row.status,
    since: row.statusChangedAt.toISOString(),
    summary: summaryOf(row, drift),
    reason: row.reason,
    wanted: {
      machine: isExternal(row) ? 'none' : wantedMachine(row, services.now()),
      generation: row.generation,
      regions: row.regions,
      needs_restart: row.machineSpecVersion !== null && row.machineSpecVersion < row.specVersion,
      deadline_at: row.deadlineAt?.toISOString() ?? null,
      machine_kept_until: keptUntil(row)?.toISOString() ?? null,
    },
    machine: {
      id: row.machineId,
      app: row.app,
      seen: row.launchId === null ? 'none was requested' : observed.presence,
      state: machine?.state ?? row.machineState,
      region: machine?.region ?? row.machineRegion,
      generation: machine?.labels?.generation ?? row.machineGeneration,
      image: machine?.image ?? row.machineImage,
      host: machine === undefined ? null : machine.phase === 'unknown' ? 'unreachable' : 'ok',
      drift,
      problem: observed.presence === 'unknown' ? problemOf(observed.problem) : null,
    },
    agent: {
      registered_at: row.registeredAt?.toISOString() ?? null,
      last_heartbeat_at: row.lastHeartbeatAt?.toISOString() ?? null,
      active_tasks: row.activeTasks,
      error_rate: row.errorRate,
      last_probe: row.lastProbe,
    },
    disk: explainDisk(row, copies),
    next: {
      step: step.do,
      sentence: copies.length > 0 ? UNTIL_COPIED : sentenceOf(step, row, drift),
      at: nextAt(row, step)?.toISOString() ?? null,
    },
    recoveries: { used: row.recoveries, most: MAX_RECOVERIES },
    sleep: sleepEvidence(row, { holds, work, next }),
    // What the agent of an external workspace keeps is its own affair.
    survives: isExternal(row)
      ? []
      : survivalOf(row, {
          provider: provisioner,
          retentionDays: services.config.disks.retentionDays,
        }),
    last_failure: row.lastFailure,
    last_lines:
      kept === undefined
        ? null
        : {
            machine_id: kept.machineId,
            generation: kept.generation,
            reason: kept.reason,
            at: kept.at.toISOString(),
            lines: kept.lines,
          },
    recent_events: recent.map(({ type, at, payload }) => ({ type, at: at.toISOString(), payload })),
  }
}

const problemOf = ({ code, message, provider }: ProvisionProblem) => ({
  code,
  message,
  ...(provider === undefined ? {} : { provider }),
})

function sentenceOf(step: Step, row: Workspace, drift: Drift[]): string {
  if (step.do === 'rest') {
    if (isExternal(row) && isTransient(row.status)) return UNTIL_HEARTBEAT
    return drift.length > 0
      ? 'Nothing: the differences are only reported. A restart of the workspace undoes them.'
      : keptUntil(row) === null
        ? AT_REST[row.status]
        : 'Nothing, until its machine is removed. POST /workspaces/{id}/restart tries again.'
  }
  const note = step.do === 'wait' ? step.note : step.do === 'probe' ? step.deferred?.note : undefined
  return note ?? SENTENCES[step.do]
}

function nextAt(row: Workspace, step: Step): Date | null {
  if ((step.do === 'launch' || step.do === 'create_disk') && row.launchSlotAt !== null)
    return row.launchSlotAt
  return row.nextCheckAt ?? keptUntil(row) ?? wakeTime(row)
}

/** Until when a failed workspace keeps its machine. */
const keptUntil = ({ launchId, machineKeptUntil, status }: Workspace) =>
  status === 'failed' && launchId !== null ? machineKeptUntil : null

const EXTERNAL_SUMMARIES: Record<Workspace['status'], string> = {
  provisioning: 'Its agent runs elsewhere and has not registered yet.',
  ready: 'Its agent runs elsewhere and sends heartbeats.',
  degraded: 'Its agent runs elsewhere and reports trouble.',
  offline: 'Its agent runs elsewhere and sends no heartbeat.',
  failed: 'It was given up.',
  paused: 'It was paused: it accepts no messages until it is resumed.',
  hibernated: 'It sleeps.',
  removed: 'It was removed.',
}

function summaryOf(row: Workspace, drift: Drift[]): string {
  const differences = drift.map(({ actual, field, wanted }) => `${field} ${actual} instead of ${wanted}`)
  const suffix =
    differences.length === 0 ? '' : ` The provider runs something else: ${differences.join('; ')}.`
  // The words of a provider, which may end a message, have no full stop.
  if (row.reason !== null)
    return `${row.reason.message.replace(/[^.!?]$/, '$&.')} ${row.reason.hint}${suffix}`
  if (isExternal(row)) return EXTERNAL_SUMMARIES[row.status]
  const sentences: Record<Workspace['status'], string> = {
    provisioning:
      row.launchSlotAt === null
        ? 'Its machine is being created or booted, and its agent has not answered yet.'
        : 'It waits for its turn: the provider limits how fast machines are created.',
    ready: 'Its agent answered, and its machine runs.',
    degraded: 'Its agent answers, and reports trouble.',
    offline: 'Its machine stopped, and is being brought back.',
    failed: 'It was given up.',
    paused: 'It was paused; its machine is stopped until it is resumed.',
    hibernated: 'Its machine sleeps; a message wakes it.',
    removed:
      row.launchId === null
        ? 'It was removed, and its machine is gone.'
        : 'It was removed; its machine is being destroyed.',
  }
  return sentences[row.status] + suffix
}
