// GET /workspaces/:id/explain: what is wanted, what Fly says, what the agent says, why the status is what it is, and what
// will be done next. Looks at the machine with one read, which wakes nobody, and decides without acting.
import type { ReconcileContext } from '../reconcile/context.ts'
import { and, desc, eq, isNotNull } from 'drizzle-orm'
import { events, type StoredReason } from '../../drizzle/schema/index.ts'
import { decide } from '../reconcile/decide.ts'
import { MAX_RECOVERIES } from '../reconcile/recoveries.ts'
import type { Step } from '../reconcile/step.ts'
import { WANTED_MACHINE } from '../lifecycle/lifecycle.ts'
import { getWorkspace } from '../lifecycle/queries.ts'
import type { Workspace } from '../lifecycle/workspace.ts'

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
  }
  machine: {
    id: string | null
    app: string | null
    seen: string
    state: string | null
    region: string | null
    generation: number | null
  }
  agent: {
    registered_at: string | null
    last_heartbeat_at: string | null
    active_tasks: number
    error_rate: number
  }
  next: { step: string; sentence: string; at: string | null }
  recoveries: { used: number; most: number }
  last_failure: (StoredReason & { at: string }) | null
  recent_events: { type: string; at: string; payload: Record<string, unknown> }[]
}

const SENTENCES: Record<Step['do'], string> = {
  launch: 'Ask Fly for the machine, when its turn has come.',
  adopt: 'Take over the machine that Fly has for this workspace.',
  update: 'Give the machine its newest configuration and boot it.',
  start: 'Start the machine.',
  stop: 'Stop the machine.',
  suspend: 'Suspend the machine, or stop it where its memory cannot be kept.',
  destroy: 'Destroy the machine.',
  probe: 'Ask the agent for its card; its answer makes the workspace ready.',
  check_agent: 'Ask the agent for its card, because it sent no heartbeat for a while.',
  suspect_absent: 'Look for the machine again: Fly does not show it, and its lists lag.',
  forget_machine: 'Note that the machine is gone.',
  replace: 'Make a new machine for the one that is gone.',
  reboot: 'Boot the machine anew, because its agent does not come back.',
  go_offline: 'Note that the machine stopped, and bring it back.',
  give_up: 'Give up, and let go of the machine.',
  wait_for_machine: 'Wait for the machine, which is between two states.',
  wait: 'Wait, then look again.',
  rest: 'Nothing: all is as wanted.',
}

/** @throws DomainError `not_found` */
export async function explainWorkspace(services: ReconcileContext, id: string): Promise<Explanation> {
  const { db, provisioner } = services
  const row = await getWorkspace(db, id)
  const observed =
    row.launchId === null
      ? ({ presence: 'absent' } as const)
      : await provisioner.observe(row.id, row.app ?? '', row.machineId)
  const step = decide(row, observed, services.now())
  const recent = await db
    .select()
    .from(events)
    // Those of the workspace itself; messages and tokens have no generation, and would crowd them out.
    .where(and(eq(events.workspaceId, id), isNotNull(events.generation)))
    .orderBy(desc(events.seq))
    .limit(10)
  const machine = observed.presence === 'present' ? observed.machine : undefined
  return {
    id,
    name: row.name,
    status: row.status,
    since: row.statusChangedAt.toISOString(),
    summary: summaryOf(row),
    reason: row.reason,
    wanted: {
      machine: WANTED_MACHINE[row.status],
      generation: row.generation,
      regions: row.regions,
      needs_restart: row.machineSpecVersion !== null && row.machineSpecVersion < row.specVersion,
      deadline_at: row.deadlineAt?.toISOString() ?? null,
    },
    machine: {
      id: row.machineId,
      app: row.app,
      seen: row.launchId === null ? 'none was asked for' : observed.presence,
      state: machine?.state ?? row.machineState,
      region: machine?.region ?? row.machineRegion,
      generation: machine?.labels?.generation ?? row.machineGeneration,
    },
    agent: {
      registered_at: row.registeredAt?.toISOString() ?? null,
      last_heartbeat_at: row.lastHeartbeatAt?.toISOString() ?? null,
      active_tasks: row.activeTasks,
      error_rate: row.errorRate,
    },
    next: { step: step.do, sentence: SENTENCES[step.do], at: nextAt(row, step)?.toISOString() ?? null },
    recoveries: { used: row.recoveries, most: MAX_RECOVERIES },
    last_failure: row.lastFailure,
    recent_events: recent.map(({ type, at, payload }) => ({ type, at: at.toISOString(), payload })),
  }
}

function nextAt(row: Workspace, step: Step): Date | null {
  return step.do === 'launch' && row.launchSlotAt !== null ? row.launchSlotAt : row.nextCheckAt
}

function summaryOf(row: Workspace): string {
  if (row.reason !== null) return `${row.reason.message} ${row.reason.hint}`
  const sentences: Record<Workspace['status'], string> = {
    provisioning:
      row.launchSlotAt === null
        ? 'Its machine is being made or booted, and its agent has not answered yet.'
        : 'It waits for its turn: Fly takes about one new machine a second per app.',
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
  return sentences[row.status]
}

/** The explanation for people. */
export function toText(explanation: Explanation): string {
  const { agent, last_failure: failure, machine, next, reason, wanted } = explanation
  const lines = [
    `${explanation.name} (${explanation.id}) is ${explanation.status} since ${explanation.since}.`,
    explanation.summary,
    '',
    `wanted   machine ${wanted.machine}, generation ${wanted.generation}, in ${wanted.regions.join(' or ')}${wanted.needs_restart ? '; changes wait for a restart' : ''}`,
    `machine  ${machine.id ?? 'none'}${machine.app === null ? '' : ` in app ${machine.app}`}: ${machine.seen}${machine.state === null ? '' : `, ${machine.state}`}${machine.region === null ? '' : ` in ${machine.region}`}`,
    `agent    registered ${agent.registered_at ?? 'never'}, last heartbeat ${agent.last_heartbeat_at ?? 'never'}, ${agent.active_tasks} tasks, error rate ${agent.error_rate}`,
    `next     ${next.sentence}${next.at === null ? '' : ` (${next.at})`}`,
    ...(wanted.deadline_at === null ? [] : [`deadline ${wanted.deadline_at}`]),
    ...(reason === null
      ? []
      : [
          `reason   ${reason.code}${reason.fly_request_id === undefined ? '' : ` (Fly request ${reason.fly_request_id})`}`,
        ]),
    ...(failure === null ? [] : [`failure  ${failure.at} ${failure.code}: ${failure.message}`]),
    `recovered ${explanation.recoveries.used} of ${explanation.recoveries.most} times`,
    '',
    ...explanation.recent_events.map(
      ({ at, payload, type }) =>
        `${at}  ${type}${typeof payload['by'] === 'string' ? ` by ${payload['by']}` : ''}`,
    ),
    '',
  ]
  return lines.join('\n')
}
