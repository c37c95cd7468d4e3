// What the fleet costs, from GET /fleet: the machines and disks that the provider has, with prices. It is read at the start and
// after events that change machines or disks, never on a timer alone.
import { computed, effect, signal } from '@preact/signals'
import type { Client, components } from '../../client/client.ts'
import { recentEvents } from './store.ts'

export type Fleet = components['schemas']['Fleet']

/** GET /fleet asks the provider for all machines, so it is not read more often than this. */
const PAUSE_MS = 15_000

export const fleet = signal<Fleet | undefined>(undefined)

/** Whether machines and disks have prices here; of containers nothing has. Until the fleet is known, it is assumed. */
export const hasPrices = computed(() => fleet.value?.snapshot_totals.usd_per_month !== null)

/** Dollars for 30 days, by the id of the workspace: its machines and disks. */
export const costs = computed<ReadonlyMap<string, number>>(() => {
  const sums = new Map<string, number>()
  for (const { usd_per_month: usd, workspace_id: id } of [
    ...(fleet.value?.machines ?? []),
    ...(fleet.value?.disks ?? []),
  ]) {
    if (id !== null && usd !== null) sums.set(id, (sums.get(id) ?? 0) + usd)
  }
  return sums
})

export type CostTotals = { machines: number; disks: number; snapshots: number; all: number }

export const costTotals = computed<CostTotals | undefined>(() => {
  if (fleet.value === undefined || !hasPrices.value) return undefined
  const machines = sum(Object.values(fleet.value.totals))
  const disks = sum(Object.values(fleet.value.disk_totals))
  const snapshots = fleet.value.snapshot_totals.usd_per_month ?? 0
  return { machines, disks, snapshots, all: machines + disks + snapshots }
})

const sum = (totals: { usd_per_month: number | null }[]) =>
  totals.reduce((total, { usd_per_month: usd }) => total + (usd ?? 0), 0)

const CHANGES_COST = /^(machine_|disk_|snapshot_|orphan_|removed|gave_up|workspace_created)/

/** Keeps {@link fleet} current until the function that is returned is called. */
export function followCosts(client: Client): () => void {
  let isOver = false
  let lastSeq = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let readAt = 0

  async function read(): Promise<void> {
    timer = undefined
    readAt = Date.now()
    try {
      const { data } = await client.api.GET('/fleet')
      if (!isOver) fleet.value = data
    } catch {
      // The provider does not answer: the sums before stay, and the next event reads them again.
    }
  }

  void read()
  const stop = effect(() => {
    const newest = recentEvents.value
    const isRelevant = newest.some(({ seq, type }) => seq > lastSeq && CHANGES_COST.test(type))
    lastSeq = Math.max(lastSeq, newest[0]?.seq ?? 0)
    if (isRelevant) timer ??= setTimeout(() => void read(), Math.max(1_000, readAt + PAUSE_MS - Date.now()))
  })
  return () => {
    isOver = true
    clearTimeout(timer)
    stop()
    fleet.value = undefined
  }
}
