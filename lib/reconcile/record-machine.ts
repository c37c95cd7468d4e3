// Stores what an observation showed of a machine: its state, whether its host answers, that it is absent or gone, and
// drift, with an event when that changed.
import { and, eq, sql } from 'drizzle-orm'
import { type Drift, workspaces } from '../../drizzle/schema/index.ts'
import { provisionDeadline } from '../lifecycle/deadline.ts'
import { isTransient } from '../lifecycle/lifecycle.ts'
import type { ClaimedWorkspace } from '../lifecycle/queries.ts'
import { changeWorkspace } from '../lifecycle/transition.ts'
import type { Core } from '../platform/context.ts'
import { type Machine, type Observed, signatureOf } from '../provisioner/provisioner.ts'
import type { ReconcileContext } from './context.ts'
import { driftOf } from './drift.ts'
import { NO_MACHINE } from './no-machine.ts'

/** @returns the row with what was stored */
export async function recordMachine(
  services: ReconcileContext,
  row: ClaimedWorkspace,
  observed: Observed,
): Promise<ClaimedWorkspace> {
  if (observed.presence !== 'present' || observed.machine.id !== row.machineId) return row
  const { machine } = observed
  const seen = seenColumns(services, row, machine)
  const drift = driftOf(row, machine)
  const isDriftNew = textOf(drift) !== textOf(row.drift ?? [])
  if (seen === undefined && !isDriftNew) return row
  const changes = {
    ...seen,
    ...(isDriftNew ? { drift: drift.length === 0 ? null : drift } : {}),
    machineSeenAt: services.now(),
    absentSince: null,
  }
  const where = and(eq(workspaces.id, row.id), eq(workspaces.machineId, machine.id))
  if (!isDriftNew) {
    await services.db.update(workspaces).set(changes).where(where)
  } else {
    services.log('warn', 'drift of a machine changed', {
      workspace_id: row.id,
      machine_id: machine.id,
      drift,
    })
    await changeWorkspace(services, {
      id: row.id,
      event: 'machine_drifted',
      now: services.now(),
      where: sql`${workspaces.machineId} = ${machine.id}`,
      changes,
      payload: { machine_id: machine.id, drift },
    })
  }
  return { ...row, ...changes }
}

/** Postgres orders the members of stored JSON in its own way. */
const textOf = (drift: Drift[]) =>
  JSON.stringify(drift.map(({ actual, field, wanted }) => [field, wanted, actual]))

/** The columns that an observation changes; undefined when nothing changed. */
function seenColumns({ config, now }: ReconcileContext, row: ClaimedWorkspace, machine: Machine) {
  const isReachable = machine.phase !== 'unknown'
  const signature = signatureOf(machine) ?? row.machineSignature
  if (
    machine.state === row.machineState &&
    row.absentSince === null &&
    isReachable === (row.unreachableSince === null) &&
    signature === row.machineSignature
  ) {
    return undefined
  }
  return {
    machineState: machine.state,
    machineSignature: signature,
    unreachableSince: isReachable ? null : (row.unreachableSince ?? now()),
    // The time in which its host did not answer does not count.
    ...(isReachable && row.unreachableSince !== null && row.deadlineAt !== null && isTransient(row.status)
      ? { deadlineAt: provisionDeadline(config, row.runtime, now()) }
      : {}),
    // Rows of an earlier version of this program do not have it.
    ...(row.machineVersion === null && machine.version !== undefined
      ? { machineVersion: machine.version }
      : {}),
  }
}

export async function countRecovery(services: Core, row: ClaimedWorkspace): Promise<void> {
  await changeWorkspace(services, {
    id: row.id,
    event: 'machine_restarted',
    now: services.now(),
    fence: { generation: row.generation, machineId: row.machineId },
    changes: { recoveries: sql`${workspaces.recoveries} + 1` },
    payload: { machine_id: row.machineId },
  })
}

export async function recordAbsence({ db, now }: Core, row: ClaimedWorkspace): Promise<void> {
  await db
    .update(workspaces)
    .set({ absentSince: sql`coalesce(${workspaces.absentSince}, ${now().toISOString()}::timestamptz)` })
    .where(eq(workspaces.id, row.id))
}

export async function forgetMachine(services: Core, row: ClaimedWorkspace): Promise<void> {
  await changeWorkspace(services, {
    id: row.id,
    event: 'machine_gone',
    now: services.now(),
    where: sql`${workspaces.launchId} = ${row.launchId}`,
    changes: { ...NO_MACHINE, machineState: 'destroyed' },
    payload: { machine_id: row.machineId },
  })
}
