// What a new workspace would cost, from the prices of the server. Pure.
import type { paths } from '../../client/api.d.ts'
import type { CreateWorkspace, Workspace } from '../../client/client.ts'

export type Prices = paths['/prices']['get']['responses']['200']['content']['application/json']

/** Dollars for 30 days. */
export type Price = {
  /** Of a machine that runs. */
  machine: number
  disk: number
}

/**
 * @param from the workspace that is copied, whose values are those of empty fields
 * @returns undefined where nothing has a price
 */
export function priceOf(
  { disk, tiers }: Prices,
  input: CreateWorkspace,
  from: Workspace | undefined,
): Price | undefined {
  const wanted = input.tier ?? from?.tier
  const tier = tiers.find((one) => (wanted == null ? one.is_default : one.tier === wanted))
  const machine = tier?.running_usd_per_month
  if (machine == null || disk.usd_per_gb_month === null) return undefined
  const sizeGb = input.disk_gb ?? from?.disk?.size_gb ?? disk.default_gb
  return { machine, disk: sizeGb * disk.usd_per_gb_month }
}
