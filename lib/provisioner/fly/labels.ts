// Labels of machines are Fly metadata, by which lists can be filtered and which last until the machine is destroyed.
// The keys avoid Fly's own `fly` prefix (docs/facts/fly.md §4.2).
import type { MachineLabels } from '../../machines/machine-spec.ts'

export const CONTROL_PLANE_KEY = 'control_plane'
export const WORKSPACE_KEY = 'workspace_id'

export const toMetadata = (labels: MachineLabels): Record<string, string> => ({
  [CONTROL_PLANE_KEY]: labels.controlPlane,
  [WORKSPACE_KEY]: labels.workspaceId,
  generation: String(labels.generation),
  launch_id: labels.launchId,
})

/** Undefined unless all labels are present; such a machine is not ours. */
export function fromMetadata(metadata: Record<string, unknown> | undefined): MachineLabels | undefined {
  if (metadata === undefined) return undefined
  const { generation, launch_id: launchId } = metadata
  const controlPlane = metadata[CONTROL_PLANE_KEY]
  const workspaceId = metadata[WORKSPACE_KEY]
  if (typeof controlPlane !== 'string' || typeof workspaceId !== 'string') return undefined
  if (typeof launchId !== 'string' || !/^\d+$/.test(String(generation))) return undefined
  return { controlPlane, workspaceId, launchId, generation: Number(generation) }
}
