// The machine of a workspace, started, for requests that reach into it. A sleeping workspace is woken. One whose agent
// does not answer is reached all the same: that is when people need to.
import { getWorkspace } from '../lifecycle/queries.ts'
import { isTransient } from '../lifecycle/lifecycle.ts'
import { waitUntilSettled } from '../lifecycle/wait.ts'
import { wakeWorkspace } from '../lifecycle/wake.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import { DomainError } from '../platform/errors.ts'
import type { MachineRef } from '../provisioner/provisioner.ts'
import type { ReconcileContext } from '../reconcile/context.ts'
import { reconcileNow } from '../reconcile/reconcile-now.ts'
import { refuseWithoutMachine } from '../workspaces/external.ts'
import { touchWorkspace } from '../workspaces/hibernate.ts'

/** How long a request waits for a sleeping workspace that says nothing of it, in seconds. */
export const DEFAULT_WAIT_SECONDS = 30

export type WakeOptions = {
  waitSeconds: number
  signal: AbortSignal | undefined
  /** Registers work that continues after the answer. */
  waitUntil: (work: Promise<unknown>) => void
}

const CONFLICTS: Partial<Record<Workspace['status'], string>> = {
  paused: 'the workspace is paused: resume it first',
  removed: 'the workspace is removed',
}

/** @throws DomainError `not_found`; `conflict` when it does not run and nothing wakes it; `unavailable` while it starts */
export async function awakeMachine(
  services: ReconcileContext,
  id: string,
  { signal, waitSeconds, waitUntil }: WakeOptions,
): Promise<MachineRef> {
  let row = await getWorkspace(services.db, id)
  refuseWithoutMachine(row, 'reached')
  if (row.status === 'hibernated') {
    await wakeWorkspace(services, row)
    waitUntil(reconcileNow(services, id))
    row = await waitUntilSettled(services, id, waitSeconds, signal)
  } else if (row.machineId === null && isTransient(row.status)) {
    row = await waitUntilSettled(services, id, waitSeconds, signal)
  }
  const { app, idleMinutes, machineId, status } = row
  const conflict = CONFLICTS[status]
  if (conflict !== undefined)
    throw new DomainError('conflict', conflict, { details: { workspace_status: status } })
  if (app === null || machineId === null || status === 'hibernated') throw notRunning(status)
  if (idleMinutes !== null) await touchWorkspace(services, id)
  return { app, machineId }
}

/** For a machine that does not run now, in a workspace of this status. */
export function notRunning(status: Workspace['status']): DomainError {
  const details = { workspace_status: status }
  return status === 'failed'
    ? new DomainError('conflict', 'the workspace failed, and its machine does not run: restart it', {
        details,
      })
    : new DomainError('unavailable', 'the machine of the workspace does not run yet; try again shortly', {
        details,
        retryAfterSeconds: 5,
      })
}
