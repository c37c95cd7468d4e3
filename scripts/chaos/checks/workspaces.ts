// Whether every workspace is at rest, in the state that is wanted, with its one machine and a reason for each failure.
import { isTransient, wantedMachine } from '../../../lib/lifecycle/lifecycle.ts'
import type { Violation } from '../parts.ts'
import { historyProblems } from './history.ts'
import type { Remains } from './remains.ts'

const FITS: Record<'started' | 'stopped' | 'asleep', readonly string[]> = {
  started: ['started'],
  stopped: ['stopped', 'suspended', 'failed'],
  asleep: ['suspended', 'stopped', 'failed'],
}

/** What is not at rest, or exists and should not. Empty once everything is settled. */
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
  for (const { id, controlPlane: owner, workspace = '' } of living) {
    if (owner !== controlPlane || owned.has(id)) continue
    const row = rows.find((one) => one.id === workspace)
    violations.push({
      kind: row !== undefined && row.machineId !== null ? 'duplicate' : 'leak',
      workspace,
      what: `machine ${id} has no workspace`,
    })
  }
  return violations
}

/**
 * Violations in what was recorded about workspaces: events, reasons, answers.
 * @param created workspaces whose create was answered
 * @param bad answers that no caller should get
 */
export function wrongWorkspaces(
  { events, rows }: Remains,
  created: Set<string>,
  bad: readonly string[],
): Violation[] {
  const violations: Violation[] = []
  const add = (kind: Violation['kind'], what: string, workspace?: string) =>
    violations.push({ kind, what, workspace })
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
  for (const id of created) if (!ids.has(id)) add('lost', 'its create was answered, and it is not there', id)
  for (const what of bad) add(what.startsWith('one Idempotency-Key') ? 'duplicate' : 'unexplained', what)
  return violations
}
