// How a machine of ours is marked at Fly: metadata, which can be listed by and survives everything but destruction. The
// keys avoid Fly's own `fly` prefix (docs/facts/fly.md §4.2).
import type { MachineLabels } from '../../machines/machine-spec.ts'

export const CONTROL_PLANE_KEY = 'control_plane'
export const WORKSPACE_KEY = 'workspace_id'

export const toMetadata = (labels: MachineLabels): Record<string, string> => ({
  [CONTROL_PLANE_KEY]: labels.controlPlane,
  [WORKSPACE_KEY]: labels.workspaceId,
  generation: String(labels.generation),
  launch_id: labels.launchId,
})

/** Undefined unless all labels are there: then the machine is not one of ours. */
export function fromMetadata(metadata: Record<string, unknown> | undefined): MachineLabels | undefined {
  if (metadata === undefined) return undefined
  const { generation, launch_id: launchId } = metadata
  const controlPlane = metadata[CONTROL_PLANE_KEY]
  const workspaceId = metadata[WORKSPACE_KEY]
  if (typeof controlPlane !== 'string' || typeof workspaceId !== 'string') return undefined
  if (typeof launchId !== 'string' || !/^\d+$/.test(String(generation))) return undefined
  return { controlPlane, workspaceId, launchId, generation: Number(generation) }
}
