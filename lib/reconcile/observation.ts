// What an observation means for a row: predicates that several decisions share. Pure.
import type { Workspace } from '../lifecycle/workspace.ts'
import type { Machine } from '../provisioner/provisioner.ts'

/** An absence must last this long before it is believed: right after a create, or in a list that lags, a machine is missing
 * (docs/facts/fly.md §11.1, §11.5). */
export const ABSENCE_MS = 5_000

/** Without a heartbeat for this long, an agent is asked for its card. Long model calls delay heartbeats (docs/facts/molecule.md §7.13). */
export const SILENCE_MS = 180_000

/** Whether the row does not describe this machine yet: the answer that would have described it was lost. */
export const isUnrecorded = (workspace: Workspace, machine: Machine) =>
  machine.id !== workspace.machineId ||
  (machine.labels !== undefined && machine.labels.generation !== workspace.machineGeneration)

/** Whether the machine has an older generation's spec. */
export const isOutdated = (workspace: Workspace) => (workspace.machineGeneration ?? 0) < workspace.generation

/** Agents that never sent a heartbeat are not expected to: some cannot reach us. */
export const isSilent = (workspace: Workspace, now: Date) =>
  workspace.lastHeartbeatAt !== null && now.getTime() - workspace.lastHeartbeatAt.getTime() >= SILENCE_MS

export const isAbsent = (workspace: Workspace, now: Date) =>
  workspace.absentSince !== null && now.getTime() - workspace.absentSince.getTime() >= ABSENCE_MS
