// What a workspace without a machine (runtime `external`) cannot do and cannot have: each is refused by name.
import { EXTERNAL_RUNTIME, isExternal } from '../machines/runtimes.ts'
import { DomainError, invalidField } from '../platform/errors.ts'

/**
 * @param done what the command does, as a participle: `restarted`, `hibernated`
 * @throws DomainError `conflict` for a workspace without a machine
 */
export function refuseWithoutMachine(workspace: { runtime: string; status: string }, done: string): void {
  if (!isExternal(workspace)) return
  throw new DomainError(
    'conflict',
    `the agent of this workspace runs elsewhere (runtime ${EXTERNAL_RUNTIME}): it has no machine, and cannot be ${done}`,
    { details: { workspace_status: workspace.status } },
  )
}

/** Members that describe a machine, its disk, or what the control plane puts into it. */
const OF_MACHINES = [
  'config',
  'disk_gb',
  'disk_path',
  'env',
  'files',
  'from',
  'idle_minutes',
  'image',
  'on_host_loss',
  'on_outside_stop',
  'region',
  'regions',
  'wake_at',
] as const

/** @throws DomainError `invalid_input` naming the first member that would have no effect */
export function refuseMachineMembers(input: Partial<Record<(typeof OF_MACHINES)[number], unknown>>): void {
  const member = OF_MACHINES.find((name) => input[name] != null && !(name === 'disk_gb' && input[name] === 0))
  if (member === undefined) return
  throw invalidField(
    member,
    `has no effect with the runtime ${EXTERNAL_RUNTIME}, which has no machine: leave it out`,
  )
}
