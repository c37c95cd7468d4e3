// The lifecycle of a workspace as two total tables: which event changes which status to which, and which machine a
// status wants. Pure; `transition.ts` is the only writer that follows it.
import { workspaceStatus } from '../../drizzle/schema/index.ts'

/** Every status, in the order of the schema that declares them. */
export const STATUSES = workspaceStatus.enumValues

export type WorkspaceStatus = (typeof STATUSES)[number]

/** Facts, in the past tense. */
export type WorkspaceEvent =
  | 'restart_requested'
  | 'pause_requested'
  | 'resume_requested'
  | 'hibernate_requested'
  | 'wake_requested'
  | 'removed'
  | 'agent_answered'
  | 'agent_lost'
  | 'agent_silent'
  | 'drift_undone'
  | 'http_not_offered'
  | 'http_offered'
  | 'trouble_reported'
  | 'trouble_ended'
  | 'machine_stopped'
  | 'stop_accepted'
  | 'machine_lost'
  | 'host_full'
  | 'gave_up'

/**
 * Event → the statuses that it changes, and the one status that follows. In other statuses the event changes nothing.
 */
export const TRANSITIONS: Record<WorkspaceEvent, { from: readonly WorkspaceStatus[]; to: WorkspaceStatus }> =
  {
    // Requested.
    restart_requested: {
      from: ['provisioning', 'ready', 'degraded', 'offline', 'failed', 'paused', 'hibernated'],
      to: 'provisioning',
    },
    pause_requested: { from: ['provisioning', 'ready', 'degraded', 'offline', 'hibernated'], to: 'paused' },
    resume_requested: { from: ['paused'], to: 'provisioning' },
    hibernate_requested: { from: ['ready', 'degraded'], to: 'hibernated' },
    wake_requested: { from: ['hibernated'], to: 'provisioning' },
    removed: {
      from: ['provisioning', 'ready', 'degraded', 'offline', 'failed', 'paused', 'hibernated'],
      to: 'removed',
    },

    // Observed.
    agent_answered: { from: ['provisioning', 'offline'], to: 'ready' },
    agent_silent: { from: ['ready', 'degraded'], to: 'offline' },
    agent_lost: { from: ['offline'], to: 'provisioning' },
    drift_undone: { from: ['ready', 'degraded', 'offline'], to: 'provisioning' },
    http_not_offered: { from: ['provisioning', 'offline', 'ready'], to: 'degraded' },
    http_offered: { from: ['degraded'], to: 'ready' },
    trouble_reported: { from: ['ready'], to: 'degraded' },
    trouble_ended: { from: ['degraded'], to: 'ready' },
    machine_stopped: { from: ['ready', 'degraded'], to: 'offline' },
    stop_accepted: { from: ['ready', 'degraded', 'offline'], to: 'hibernated' },
    machine_lost: { from: ['provisioning', 'ready', 'degraded', 'offline'], to: 'provisioning' },
    host_full: { from: ['provisioning', 'offline'], to: 'provisioning' },
    gave_up: { from: ['provisioning', 'offline'], to: 'failed' },
  }

/** Whether an event changes a status. */
export const allows = (status: WorkspaceStatus, event: WorkspaceEvent) =>
  TRANSITIONS[event].from.includes(status)

/** `asleep` is suspended where the provider can, stopped where it cannot. */
export type WantedMachine = 'started' | 'stopped' | 'asleep' | 'none'

/**
 * The machine that a status wants. `kept`: the machine of a failed workspace is kept as evidence, stopped so that it
 * costs little, until a stated time, and then removed: see {@link wantedMachine}.
 */
const WANTED_MACHINE: Record<WorkspaceStatus, WantedMachine | 'kept'> = {
  provisioning: 'started',
  ready: 'started',
  degraded: 'started',
  offline: 'started',
  failed: 'kept',
  paused: 'stopped',
  hibernated: 'asleep',
  removed: 'none',
}

/** The columns that decide which machine a workspace wants. */
type Wanting = { status: WorkspaceStatus; machineKeptUntil: Date | null }

/** The machine that a workspace wants now. */
export function wantedMachine({ machineKeptUntil, status }: Wanting, now: Date): WantedMachine {
  const wanted = WANTED_MACHINE[status]
  if (wanted !== 'kept') return wanted
  return machineKeptUntil !== null && now < machineKeptUntil ? 'stopped' : 'none'
}

/** The statuses that want one of these machines. `kept` is `stopped` at first and `none` in the end. */
export const statusesWanting = (...machines: (WantedMachine | 'kept')[]) =>
  STATUSES.filter((status) => machines.includes(WANTED_MACHINE[status]))

/** The columns that decide when a workspace wakes by itself. */
type Sleeping = { status: WorkspaceStatus; statusChangedAt: Date; wakeAt: Date | null }

/** When a sleeping workspace wakes by itself; null: never. A time before it fell asleep does not count. */
export const wakeTime = ({ status, statusChangedAt, wakeAt }: Sleeping): Date | null =>
  status === 'hibernated' && wakeAt !== null && wakeAt > statusChangedAt ? wakeAt : null

/** Statuses that end by themselves, at the latest at the row's deadline if it has one. */
export const isTransient = (status: WorkspaceStatus) => status === 'provisioning' || status === 'offline'
