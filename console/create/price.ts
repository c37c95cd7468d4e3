// What a new workspace would cost, from what GET /fleet says that machines and disks like it cost. Pure.
import type { CreateWorkspace, Workspace } from '../../client/client.ts'
import type { Fleet } from '../fleet/cost.ts'

/** What the server chooses where the form is empty (docs/api.md, docs/configuration.md). */
const DEFAULT_TIER = 3
const DEFAULT_DISK_GB = 1

export type Price = {
  /** Dollars for 30 days of a machine that runs; undefined: no machine of this tier runs, so it is not known. */
  machine: number | undefined
  /** Whether the machine is one of the same region; false: of another one. */
  isOfRegion: boolean
  /** Dollars for 30 days; undefined: there is no disk to compare with. */
  disk: number | undefined
}

/** @param from the workspace that is copied, whose values are those of empty fields */
export function priceOf(
  input: CreateWorkspace,
  from: Workspace | undefined,
  fleet: Fleet,
  workspaces: ReadonlyMap<string, Workspace>,
): Price {
  const tier = input.tier ?? from?.tier ?? DEFAULT_TIER
  const region = input.region ?? from?.region
  const sizeGb = input.disk_gb ?? from?.disk?.size_gb ?? DEFAULT_DISK_GB
  const running = fleet.machines.filter(
    ({ machine_state, workspace_id: id }) =>
      machine_state === 'started' && id !== null && workspaces.get(id)?.tier === tier,
  )
  const near = running.filter((machine) => machine.region === region)
  const [like] = near.length > 0 ? near : running
  const [disk] = fleet.disks.filter(({ size_gb: size }) => size > 0)
  return {
    machine: like?.usd_per_month ?? undefined,
    isOfRegion: near.length > 0,
    disk: sizeGb === 0 ? 0 : disk && (sizeGb * (disk.usd_per_month ?? 0)) / disk.size_gb,
  }
}
