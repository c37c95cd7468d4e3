// What a chaos run must prove, checked on what is left: the database's rows and events, the machines at the emulated Fly, and
// what users recorded.
import type { MachineSnapshot } from '../../lib/emulator/machines/snapshot.ts'
import { CONTROL_PLANE_KEY, WORKSPACE_KEY } from '../../lib/provisioner/fly/labels.ts'
import { isTransient, wantedMachine } from '../../lib/lifecycle/lifecycle.ts'
import type { Workspace } from '../../lib/lifecycle/workspace.ts'
import { type StoredEvent, historyProblems } from './history.ts'
import type { UserRecord } from './users.ts'

export type Violation = {
  kind: 'leak' | 'duplicate' | 'stuck' | 'unexplained'
  /** The workspace it is about, if it is about one. */
  workspace?: string
  what: string
}

export type Remains = {
  rows: Workspace[]
  events: Map<string, StoredEvent[]>
  machines: MachineSnapshot[]
  controlPlane: string
  /** Stored messages, by message id. */
  messages: {
    messageId: string | null
    workspaceId: string
    state: string
    failure: { delivered: string } | null
  }[]
  now: Date
}

const FITS: Record<'started' | 'stopped' | 'asleep', readonly string[]> = {
  started: ['started'],
  stopped: ['stopped', 'suspended', 'failed'],
  asleep: ['suspended', 'stopped', 'failed'],
}

/** What is not at rest, or exists and should not. Empty once everything is settled. */
export function unsettled({ rows, machines, messages, controlPlane, now }: Remains): Violation[] {
  const living = machines.filter(({ destroyed }) => !destroyed)
  const byId = new Map(living.map((machine) => [machine.id, machine]))
  const owned = new Set(rows.map(({ machineId }) => machineId))
  const violations: Violation[] = []
  for (const row of rows) {
    const stuck = (what: string) => violations.push({ kind: 'stuck', workspace: row.id, what })
    if (isTransient(row.status)) stuck(`it is still ${row.status}`)
    if (row.nextCheckAt !== null) stuck(`it is due at ${row.nextCheckAt.toISOString()}`)
    if (row.leasedUntil !== null && row.leasedUntil > now)
      stuck(`it is leased until ${row.leasedUntil.toISOString()}`)
    const wanted = wantedMachine(row, now)
    const machine = row.machineId === null ? undefined : byId.get(row.machineId)
    if (wanted === 'none') {
      if (row.launchId !== null) stuck('a machine is still looked for')
      if (machine !== undefined)
        violations.push({
          kind: 'leak',
          workspace: row.id,
          what: `${row.status}, and has machine ${machine.id}`,
        })
    } else if (machine === undefined) {
      if (wanted === 'started' || row.launchId !== null) stuck(`${row.status}, and has no machine`)
    } else if (!FITS[wanted].includes(machine.state)) {
      stuck(`${row.status}, and its machine ${machine.id} is ${machine.state}`)
    }
  }
  const statusOf = new Map(rows.map(({ id, status }) => [id, status]))
  for (const { messageId, state, workspaceId } of messages) {
    // A paused or failed workspace keeps its messages for when it is resumed or restarted.
    const isWaiting = ['paused', 'failed'].includes(statusOf.get(workspaceId) ?? '')
    if (state === 'sending' || (state === 'queued' && !isWaiting))
      violations.push({
        kind: 'stuck',
        workspace: workspaceId,
        what: `stored message ${messageId} is still ${state}`,
      })
  }
  for (const { id, metadata } of living) {
    if (metadata[CONTROL_PLANE_KEY] !== controlPlane || owned.has(id)) continue
    const workspace = metadata[WORKSPACE_KEY] ?? ''
    const row = rows.find((one) => one.id === workspace)
    violations.push({
      kind: row !== undefined && row.machineId !== null ? 'duplicate' : 'leak',
      workspace,
      what: `machine ${id} has no workspace`,
    })
  }
  return violations
}

/** Violations in what was recorded: events, reasons, answers, messages. */
export function undelivered(
  { rows, events, machines, messages }: Remains,
  record: UserRecord,
  arrivals: Map<string, number>,
  foreign: string[],
): Violation[] {
  const violations: Violation[] = []
  const add = (kind: Violation['kind'], what: string, workspace?: string) =>
    violations.push({ kind, what, ...(workspace === undefined ? {} : { workspace }) })
  for (const row of rows) {
    for (const wrong of historyProblems(row.status, events.get(row.id) ?? [])) {
      add(wrong.endsWith('twice') ? 'duplicate' : 'unexplained', wrong, row.id)
    }
    if (['failed', 'offline', 'degraded'].includes(row.status)) {
      const { code, message, hint } = row.reason ?? {}
      if (!code || !message || !hint) add('unexplained', `${row.status} without a reason`, row.id)
    }
  }
  const ids = new Set(rows.map(({ id }) => id))
  for (const id of record.created)
    if (!ids.has(id)) add('unexplained', 'its create was answered, and it is not there', id)
  for (const what of record.bad)
    add(what.startsWith('one Idempotency-Key') ? 'duplicate' : 'unexplained', what)
  for (const { id, workspace, outcome, delivered } of record.messages) {
    const times = arrivals.get(id) ?? 0
    if (times > 1) add('duplicate', `message ${id} arrived ${times} times`, workspace)
    if (outcome === 'answered' && times === 0)
      add('unexplained', `message ${id} was answered but never arrived`, workspace)
    if (outcome === 'refused' && delivered === 'no' && times > 0)
      add('unexplained', `message ${id} arrived, and its sender was informed that it did not`, workspace)
  }
  const stored = new Map(messages.map((message) => [message.messageId, message]))
  for (const { id, workspace, outcome } of record.messages) {
    if (outcome !== 'stored') continue
    const message = stored.get(id)
    const times = arrivals.get(id) ?? 0
    if (message === undefined) add('unexplained', `stored message ${id} is lost`, workspace)
    else if (message.state === 'answered' && times === 0)
      add('unexplained', `stored message ${id} was answered but never arrived`, workspace)
    else if (message.state === 'failed' && message.failure?.delivered === 'no' && times > 0)
      add('unexplained', `stored message ${id} arrived, and it is recorded that it did not`, workspace)
  }
  for (const id of foreign) {
    const machine = machines.find((one) => one.id === id)
    if (machine === undefined || machine.destroyed) add('unexplained', `foreign machine ${id} was destroyed`)
  }
  return violations
}
