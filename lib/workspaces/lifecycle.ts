// The lifecycle of a workspace as two total tables: which event may move which status where, and which machine a status
// wants. Pure; `transition.ts` is the only writer that follows it.
import { workspaceStatus } from '../../drizzle/schema.ts'

/** Every status, in the order of the schema that declares them. */
export const STATUSES = workspaceStatus.enumValues

export type WorkspaceStatus = (typeof STATUSES)[number]

/** Facts, in the past tense. `removed` is legal from everywhere but itself; nothing leaves `removed`. */
export type WorkspaceEvent =
  | 'restart_requested'
  | 'agent_answered'
  | 'trouble_reported'
  | 'trouble_ended'
  | 'machine_stopped'
  | 'machine_lost'
  | 'gave_up'
  | 'removed'

type Row = Record<WorkspaceEvent, WorkspaceStatus | null>

const NOWHERE: Row = {
  restart_requested: null,
  agent_answered: null,
  trouble_reported: null,
  trouble_ended: null,
  machine_stopped: null,
  machine_lost: null,
  gave_up: null,
  removed: null,
}

const RUNNING: Row = {
  ...NOWHERE,
  restart_requested: 'provisioning',
  machine_stopped: 'offline',
  machine_lost: 'provisioning',
  removed: 'removed',
}

const RESTING: Row = { ...NOWHERE, restart_requested: 'provisioning', removed: 'removed' }

/** Status × event → the status it becomes, or null where the event has no meaning and changes nothing. */
export const TRANSITIONS: Record<WorkspaceStatus, Row> = {
  provisioning: { ...RUNNING, agent_answered: 'ready', machine_stopped: null, gave_up: 'failed' },
  ready: { ...RUNNING, trouble_reported: 'degraded' },
  degraded: { ...RUNNING, trouble_ended: 'ready' },
  offline: { ...RUNNING, agent_answered: 'ready', machine_stopped: null, gave_up: 'failed' },
  failed: RESTING,
  paused: RESTING,
  hibernated: RESTING,
  removed: NOWHERE,
}

/** The statuses that an event can move: the `WHERE` of its transition. */
export function sourcesOf(event: WorkspaceEvent): WorkspaceStatus[] {
  return (Object.keys(TRANSITIONS) as WorkspaceStatus[]).filter(
    (status) => TRANSITIONS[status][event] !== null,
  )
}

/** The status an event leads to. Every event has exactly one, wherever it comes from (lifecycle.test.ts). */
export const TARGET: Record<WorkspaceEvent, WorkspaceStatus> = {
  restart_requested: 'provisioning',
  agent_answered: 'ready',
  trouble_reported: 'degraded',
  trouble_ended: 'ready',
  machine_stopped: 'offline',
  machine_lost: 'provisioning',
  gave_up: 'failed',
  removed: 'removed',
}

/** The machine that a status wants. `failed` keeps its reason and lets go of its machine: a failure must not cost money. */
export const WANTED_MACHINE: Record<WorkspaceStatus, 'started' | 'stopped' | 'none'> = {
  provisioning: 'started',
  ready: 'started',
  degraded: 'started',
  offline: 'started',
  failed: 'none',
  paused: 'stopped',
  hibernated: 'stopped',
  removed: 'none',
}

/** Statuses that end by themselves, at the latest at the row's deadline. */
export const isTransient = (status: WorkspaceStatus) => status === 'provisioning' || status === 'offline'
