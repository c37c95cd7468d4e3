// What an observation means for a row: predicates that several decisions share. Pure.
import type { Config } from '../config/config.ts'
import { isTransient } from '../lifecycle/lifecycle.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import type { Machine } from '../provisioner/provisioner.ts'

/** The times that decide when an agent or a host counts as lost, in milliseconds. */
export type Liveness = Config['liveness']

/**
 * An absence must last this long before it is believed: right after a create, or in a list that lags, a machine is
 * missing (docs/facts/fly.md §11.1, §11.5).
 */
export const ABSENCE_MS = 5_000

/**
 * A create whose answer was lost may still be carried out this long after it was sent (docs/facts/fly.md §2.2: 17 s
 * was seen).
 */
export const LAUNCH_SETTLES_MS = 60_000

const since = (at: Date, now: Date) => now.getTime() - at.getTime()

/** Whether the row does not describe this machine yet: the answer that would have described it was lost. */
export const isUnrecorded = (workspace: Workspace, machine: Machine) =>
  machine.id !== workspace.machineId ||
  (machine.labels !== undefined && machine.labels.generation !== workspace.machineGeneration)

/** Whether the machine has an older generation's spec. */
export const isOutdated = (workspace: Workspace) => (workspace.machineGeneration ?? 0) < workspace.generation

/** Agents that never sent a heartbeat are not expected to: some cannot reach us. */
export const isSilent = ({ lastHeartbeatAt }: Workspace, now: Date, { silenceMs }: Liveness) =>
  lastHeartbeatAt !== null && since(lastHeartbeatAt, now) >= silenceMs

export const isAbsent = ({ absentSince }: Workspace, now: Date) =>
  absentSince !== null && since(absentSince, now) >= ABSENCE_MS

/** How long a machine may change its state: a stop may take 300 s (docs/facts/fly.md §2.3). */
const STUCK_MS = 360_000

/**
 * Whether a machine that is changing its state has done so for too long, although its workspace is to be in use. One that is being
 * started has a deadline.
 */
export const isStuck = ({ machineSeenAt, status }: Workspace, now: Date) =>
  !isTransient(status) && machineSeenAt !== null && since(machineSeenAt, now) >= STUCK_MS

/** Whether the host has not answered for so long that its disk may be given up, where the workspace allows that. */
export const isDiskLost = (
  { disk, onHostLoss, unreachableSince }: Workspace,
  now: Date,
  { hostLossMs }: Liveness,
) =>
  disk !== null &&
  onHostLoss === 'restore' &&
  unreachableSince !== null &&
  since(unreachableSince, now) >= hostLossMs

/** Whether the machine's host has not answered for longer than is allowed. */
export const isHostLost = ({ unreachableSince }: Workspace, now: Date, { hostUnreachableMs }: Liveness) =>
  unreachableSince !== null && since(unreachableSince, now) >= hostUnreachableMs
