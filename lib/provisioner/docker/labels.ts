// What a container's labels say: whose it is, and what the daemon does not know of it. Labels are fixed when a container
// is created.
import type { MachineLabels, MachineSpec } from '../../machines/machine-spec.ts'

const PREFIX = 'molecule.'
export const CONTROL_PLANE = `${PREFIX}control_plane`
export const WORKSPACE = `${PREFIX}workspace_id`
const GENERATION = `${PREFIX}generation`
const LAUNCH = `${PREFIX}launch_id`
const MACHINE = `${PREFIX}machine`
export const IMAGE = `${PREFIX}image`
export const PORT = `${PREFIX}port`
const CPUS = `${PREFIX}cpus`
const MEMORY = `${PREFIX}memory_mb`
export const DISK_GB = `${PREFIX}disk_gb`

type Labels = Record<string, string>

export type ContainerLabels = {
  machine: MachineLabels
  /** Tells two machines of one name apart; an update keeps it. */
  suffix: string
  /** The image by its digest, if it has one. */
  image: string
  /** The port of the agent: on the host, or in the container where none is published. */
  port: number
  size: { cpus: number; memoryMb: number }
}

export const toLabels = (
  { cpus, labels, memoryMb }: MachineSpec,
  { image, port, suffix }: Pick<ContainerLabels, 'image' | 'port' | 'suffix'>,
): Labels => ({
  [CONTROL_PLANE]: labels.controlPlane,
  [WORKSPACE]: labels.workspaceId,
  [GENERATION]: String(labels.generation),
  [LAUNCH]: labels.launchId,
  [MACHINE]: suffix,
  [IMAGE]: image,
  [PORT]: String(port),
  [CPUS]: String(cpus),
  [MEMORY]: String(memoryMb),
})

/** Undefined unless all labels are present; such a container is not ours. */
export function fromLabels(labels: Labels): ContainerLabels | undefined {
  const all = [CONTROL_PLANE, WORKSPACE, GENERATION, LAUNCH, MACHINE, IMAGE, PORT, CPUS, MEMORY]
  const [controlPlane, workspaceId, generation, launchId, suffix, image, port, cpus, memoryMb] = all.map(
    (name) => labels[name],
  )
  if (controlPlane === undefined || workspaceId === undefined || launchId === undefined) return undefined
  if (suffix === undefined || image === undefined) return undefined
  const numbers = [generation, port, cpus, memoryMb].map((text) => Number(text ?? Number.NaN))
  if (numbers.some((number) => !Number.isFinite(number))) return undefined
  const [generationNumber = 0, portNumber = 0, cpuNumber = 0, memoryNumber = 0] = numbers
  return {
    machine: { controlPlane, workspaceId, launchId, generation: generationNumber },
    suffix,
    image,
    port: portNumber,
    size: { cpus: cpuNumber, memoryMb: memoryNumber },
  }
}

/**
 * The id of a machine: the container's name and a suffix. Docker's own id changes with each update, because a container's
 * configuration cannot be changed; and a name alone would also stand for a later machine of the workspace.
 */
export const machineIdOf = (name: string, suffix: string) => `${name}.${suffix}`

/** @returns undefined for text that is no id of ours */
export function parseMachineId(machineId: string): { name: string; suffix: string } | undefined {
  const [, name, suffix] = /^(.+)\.([^.]+)$/.exec(machineId) ?? []
  return name === undefined || suffix === undefined ? undefined : { name, suffix }
}
