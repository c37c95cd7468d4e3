// The host of a machine that exists has no room to start or update it. It is waited for first. Then the machine is destroyed and
// created on another host, with a copy of its disk. What is lost with it is said beforehand in the reason, and in the event.
import { eq } from 'drizzle-orm'
import { type StoredReason, workspaces } from '../../drizzle/schema/index.ts'
import { copyOf, replacementParts } from '../disks/replace-disk.ts'
import type { ClaimedWorkspace } from '../lifecycle/queries.ts'
import { transition } from '../lifecycle/transition.ts'
import type { MachinePhase } from '../provisioner/provisioner.ts'
import type { ReconcileContext } from './context.ts'
import { hasDisk } from './disk-row.ts'
import { afterRecoveries } from './machine-reasons.ts'
import { newGeneration } from './new-generation.ts'
import { isExhausted } from './recoveries.ts'
import { CONTINUE, type StepResult } from './step-result.ts'

/** A suspended machine has its memory to lose. Any other one boots anew in any case. */
const waitMs = (phase: MachinePhase | undefined): number => (phase === 'suspended' ? 60_000 : 10_000)

/** Milliseconds for which the host is waited for from now on. */
export const waitForHost = (phase: MachinePhase | undefined, since: Date, now: Date): number =>
  Math.max(0, since.getTime() + waitMs(phase) - now.getTime())

/** The reason while the host is waited for: it says what follows, and what is lost then. */
export const fullHostReason = (reason: StoredReason, phase: MachinePhase | undefined): StoredReason => ({
  ...reason,
  hint: `The host of the machine is full. If it stays full for ${waitMs(phase) / 1000} s, the machine is created again on another host, with its disk${phase === 'suspended' ? ', and what it has in memory is lost' : ''}.`,
})

/**
 * Begins a generation on another host. Of a machine with a disk, the disk is copied within its region; the machine is destroyed when its
 * disk is another one than the workspace's (decide-disk.ts).
 */
export async function leaveHost(
  services: ReconcileContext,
  row: ClaimedWorkspace,
  reason: StoredReason,
  phase: MachinePhase | undefined,
): Promise<StepResult | { giveUp: StoredReason }> {
  const now = services.now()
  if (isExhausted(row, now)) return { giveUp: afterRecoveries(reason) }
  const replaced = hasDisk(row)
    ? replacementParts(services, row.disk, row.id, {
        source: copyOf(row.disk, true),
        region: row.disk.region,
        cause: 'host_full',
        dataFrom: null,
      })
    : undefined
  const left = {
    ...reason,
    hint: `The machine is created again on another host${replaced === undefined ? '' : ', with a copy of its disk'}${phase === 'suspended' ? '; what it had in memory is lost' : ''}.`,
  }
  const moved = await transition(services, {
    id: row.id,
    event: 'host_full',
    now,
    fence: { generation: row.generation, machineId: row.machineId },
    where: hasDisk(row) ? eq(workspaces.diskId, row.disk.id) : undefined,
    changes: {
      ...newGeneration(services, row),
      ...(replaced === undefined ? {} : { diskId: replaced.newId }),
      reason: left,
    },
    withs: replaced?.withs ?? [],
    payload: { machine_id: row.machineId, reason: left },
  })
  if (moved !== undefined && replaced === undefined && row.machineId !== null)
    await services.provisioner.destroy({ app: row.app ?? '', machineId: row.machineId })
  return CONTINUE
}
