// What a chaos run has to prove, checked on what is left: the database's rows and events, the machines at the emulated Fly,
// and what users were told.
import type { MachineSnapshot } from '../../lib/emulator/machines/snapshot.ts'
import { CONTROL_PLANE_KEY, WORKSPACE_KEY } from '../../lib/provisioner/fly/labels.ts'
import { isTransient, WANTED_MACHINE } from '../../lib/lifecycle/lifecycle.ts'
import type { Workspace } from '../../lib/lifecycle/workspace.ts'
import { type StoredEvent, wrongsOf } from './history.ts'
import type { Told } from './users.ts'

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
  now: Date
}

const FITS: Record<'started' | 'stopped' | 'asleep', readonly string[]> = {
  started: ['started'],
  stopped: ['stopped', 'suspended', 'failed'],
  asleep: ['suspended', 'stopped', 'failed'],
}

/** Whatever has not come to rest, or is there and should not be. Empty once all is settled. */
export function unsettled({ rows, machines, controlPlane, now }: Remains): Violation[] {
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
    const wanted = WANTED_MACHINE[row.status]
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
  for (const { id, metadata } of living) {
    if (metadata[CONTROL_PLANE_KEY] !== controlPlane || owned.has(id)) continue
    const workspace = metadata[WORKSPACE_KEY] ?? ''
    const row = rows.find((one) => one.id === workspace)
    violations.push({
      kind: row !== undefined && row.machineId !== null ? 'duplicate' : 'leak',
      workspace,
      what: `machine ${id} is nobody's`,
    })
  }
  return violations
}

/** What the story says, beside what is left: events, reasons, answers, messages. */
export function undelivered(
  { rows, events, machines }: Remains,
  told: Told,
  arrivals: Map<string, number>,
  foreign: string[],
): Violation[] {
  const violations: Violation[] = []
  const say = (kind: Violation['kind'], what: string, workspace?: string) =>
    violations.push({ kind, what, ...(workspace === undefined ? {} : { workspace }) })
  for (const row of rows) {
    for (const wrong of wrongsOf(row.status, events.get(row.id) ?? [])) {
      say(wrong.endsWith('twice') ? 'duplicate' : 'unexplained', wrong, row.id)
    }
    if (['failed', 'offline', 'degraded'].includes(row.status)) {
      const { code, message, hint } = row.reason ?? {}
      if (!code || !message || !hint) say('unexplained', `${row.status} without a reason`, row.id)
    }
  }
  const ids = new Set(rows.map(({ id }) => id))
  for (const id of told.created)
    if (!ids.has(id)) say('unexplained', 'its create was answered, and it is not there', id)
  for (const what of told.bad) say(what.startsWith('one Idempotency-Key') ? 'duplicate' : 'unexplained', what)
  for (const { id, workspace, outcome, delivered } of told.messages) {
    const times = arrivals.get(id) ?? 0
    if (times > 1) say('duplicate', `message ${id} arrived ${times} times`, workspace)
    if (outcome === 'answered' && times === 0)
      say('unexplained', `message ${id} was answered by nobody`, workspace)
    if (outcome === 'refused' && delivered === 'no' && times > 0)
      say('unexplained', `message ${id} arrived, and its sender was told that it did not`, workspace)
  }
  for (const id of foreign) {
    const machine = machines.find((one) => one.id === id)
    if (machine === undefined || machine.destroyed) say('unexplained', `foreign machine ${id} was destroyed`)
  }
  return violations
}
