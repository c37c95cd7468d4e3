// The differences between what the provider runs and what was requested. They are reported (explain, /fleet, an
// event). With DRIFT_POLICY=undo the machine then gets the requested configuration again, as by a restart. Pure.
import type { Drift } from '../../drizzle/schema/index.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import { isTier, TIERS } from '../machines/machine-spec.ts'
import type { Machine, Observed } from '../provisioner/provisioner.ts'
import { reasonFor } from '../platform/reasons.ts'
import { isOutdated } from './observation.ts'
import { isExhausted } from './recoveries.ts'
import type { Step } from './step.ts'

/** Empty for a machine that is about to be updated anyway. */
export function driftOf(workspace: Workspace, machine: Machine): Drift[] {
  if (machine.phase === 'unknown') return [{ field: 'host', wanted: 'answers', actual: 'unreachable' }]
  if (machine.phase === 'gone' || isOutdated(workspace)) return []
  const drift: Drift[] = []
  const compare = (field: Drift['field'], wanted: string | null, actual: string | undefined) => {
    if (wanted !== null && actual !== undefined && wanted !== actual) drift.push({ field, wanted, actual })
  }
  compare('cordon', 'none', machine.isCordoned ? 'cordoned' : 'none')
  compare('image', pinned(workspace.machineImage), pinned(machine.image) ?? undefined)
  compare('size', sizeOf(workspace), machine.size && `${machine.size.cpus} CPUs, ${machine.size.memoryMb} MB`)
  compare('metadata', 'our labels', machine.labels?.workspaceId === workspace.id ? 'our labels' : 'changed')
  // Covers what is not compared one by one: env, files, services.
  compare('configuration', workspace.machineVersion, machine.version)
  return drift
}

/** Tags cannot be compared with digests. */
const pinned = (image: string | null) => (image?.includes('@') === true ? image : null)

/** The size of the tier; null while a change of the tier waits for a restart. */
function sizeOf({ machineSpecVersion, specVersion, tier }: Workspace): string | null {
  if (machineSpecVersion !== specVersion || !isTier(tier)) return null
  return `${TIERS[tier].cpus} CPUs, ${TIERS[tier].memoryMb} MB`
}

/** How the policy changes a step: a running machine that others changed is updated, unless that was undone too often. */
export function undoDrift(workspace: Workspace, observed: Observed, now: Date, step: Step): Step {
  if (observed.presence !== 'present' || observed.machine.phase !== 'started') return step
  const { machine } = observed
  const isAtRest = step.do === 'rest' && workspace.status !== 'provisioning'
  if (!isAtRest && !(machine.isCordoned && CORDONED_STEPS.includes(step.do))) return step
  const fields = driftOf(workspace, machine).map(({ field }) => field)
  if (fields.length === 0 || isExhausted(workspace, now)) return step
  const details = { app: machine.app, machine: machine.id, detail: fields.join(', ') }
  return { do: 'undo_drift', reason: reasonFor('changed_outside', details) }
}

/** What follows a cordon where it is only reported. */
const CORDONED_STEPS: readonly Step['do'][] = ['go_offline', 'wait']
