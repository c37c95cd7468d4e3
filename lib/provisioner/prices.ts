// What machines and disks cost at a provider that has prices: estimates in US dollars for 30 days.

export type Prices = {
  /** Of a running machine. */
  machine: (size: { cpus: number; memoryMb: number }) => number
  /** Of a disk, for each GB of its size. */
  perGb: number
  /** Of snapshots, for each GB that they occupy; some are free for the whole account. */
  perSnapshotGb: number
  /** Of the root file system of a stopped machine, for each GB. */
  perRootGb: number
}

/** The provider does not report the size of a root file system, so that of a small image is assumed. */
const ASSUMED_ROOT_GB = 1

/** What a stopped or suspended machine costs: its root file system. */
export const restingPrice = ({ perRootGb }: Prices): number => ASSUMED_ROOT_GB * perRootGb

export const toCents = (dollars: number): number => Math.round(dollars * 100) / 100

/** @returns null where nothing has a price */
export const priceOf = (prices: Prices | undefined, amount: (prices: Prices) => number): number | null =>
  prices === undefined ? null : toCents(amount(prices))

export const addPrices = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? null : toCents(a + b)
