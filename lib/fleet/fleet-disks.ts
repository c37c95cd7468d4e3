// The disks of GET /fleet: the provider's volumes of every app in use, compared with the ledger: whose each one is, and
// what it costs.
import { ne } from 'drizzle-orm'
import { disks } from '../../drizzle/schema/index.ts'
import { volumePrefix } from '../disks/disk-names.ts'
import type { Disk } from '../lifecycle/workspace.ts'
import type { ProviderDisk } from '../provisioner/disks.ts'
import { addPrices, priceOf, type Prices } from '../provisioner/prices.ts'
import { ProvisionError } from '../provisioner/provisioner.ts'
import type { ReconcileContext } from '../reconcile/context.ts'

/**
 * `retained`: ours, kept without a workspace. `attached_elsewhere`: attached to another machine than its workspace's.
 * `orphan`: with our name, and in no record. `missing`: recorded, and not in the list.
 */
export const DISK_KINDS = ['owned', 'retained', 'attached_elsewhere', 'orphan', 'foreign', 'missing'] as const

export type DiskKind = (typeof DISK_KINDS)[number]

export type FleetDisk = {
  kind: DiskKind
  volume_id: string
  disk_id: string | null
  app: string
  workspace_id: string | null
  machine_id: string | null
  state: string
  region: string
  size_gb: number
  used_gb: number | null
  /** Estimate for 30 days, in US dollars; null where disks have no price. */
  usd_per_month: number | null
}

export type FleetDisks = {
  disks: FleetDisk[]
  disk_totals: Record<DiskKind, { disks: number; size_gb: number; usd_per_month: number | null }>
  /** As they were last listed. */
  snapshot_totals: { snapshots: number; size_gb: number; usd_per_month: number | null }
}

const GB = 1024 ** 3

/** Of all snapshots of an account, at the one provider that sells them (docs/facts/fly.md §9). */
const FREE_SNAPSHOT_GB = 10

const round = (value: number) => Math.round(value * 100) / 100

/**
 * @param machineOf the machine of each workspace
 * @param apps those whose machines were listed: nothing is said about others
 */
export async function describeDisks(
  services: ReconcileContext,
  controlPlaneId: string | undefined,
  apps: string[],
  machineOf: Map<string, string | null>,
): Promise<FleetDisks> {
  const { db, provisioner } = services
  const prefix = controlPlaneId === undefined ? undefined : await volumePrefix(controlPlaneId)
  const rows = await db.select().from(disks).where(ne(disks.state, 'gone'))
  const rowOf = new Map(rows.flatMap((row) => (row.volumeId === null ? [] : [[row.volumeId, row]])))
  // While a create is not answered, the name says which disk a volume is. Afterwards a second volume of the name is in no record.
  const rowNamed = new Map(
    rows.flatMap((row) => (row.volumeId === null ? [[`${prefix}${row.id.slice('disk_'.length)}`, row]] : [])),
  )
  const entries: FleetDisk[] = []
  for (const app of apps) {
    const listed = await listOf(services, app)
    if (listed === undefined) continue
    const living = listed.filter(({ phase }) => phase !== 'gone')
    for (const volume of living) {
      const row = rowOf.get(volume.id) ?? rowNamed.get(volume.name)
      const kind = kindOf(volume, row, prefix, machineOf)
      entries.push(entryOf(volume, row, kind, provisioner.prices))
    }
    const seen = new Set(living.map(({ id }) => id))
    const absent = rows.filter(
      (row) =>
        row.app === app && row.volumeId !== null && row.state !== 'deleting' && !seen.has(row.volumeId),
    )
    entries.push(...absent.map((row) => missing(row, provisioner.prices)))
  }
  const snapshotGb = rows.reduce((sum, { snapshotBytes }) => sum + (snapshotBytes ?? 0), 0) / GB
  return {
    disks: entries,
    disk_totals: diskTotalsOf(entries, provisioner.prices !== undefined),
    snapshot_totals: {
      snapshots: rows.reduce((sum, { snapshots }) => sum + (snapshots ?? 0), 0),
      size_gb: round(snapshotGb),
      usd_per_month: priceOf(
        provisioner.prices,
        ({ perSnapshotGb }) => Math.max(0, snapshotGb - FREE_SNAPSHOT_GB) * perSnapshotGb,
      ),
    },
  }
}

async function listOf(
  { log, provisioner }: ReconcileContext,
  app: string,
): Promise<ProviderDisk[] | undefined> {
  try {
    return await provisioner.listDisks(app)
  } catch (error) {
    if (!(error instanceof ProvisionError)) throw error
    log('warn', 'the provider did not list its disks', { app, detail: error.problem.message })
    return undefined
  }
}

function kindOf(
  volume: ProviderDisk,
  row: Disk | undefined,
  prefix: string | undefined,
  machineOf: Map<string, string | null>,
): DiskKind {
  if (row === undefined) return prefix !== undefined && volume.name.startsWith(prefix) ? 'orphan' : 'foreign'
  const owner = row.workspaceId
  const { attachedTo } = volume
  if (owner === null) return 'retained'
  // While a machine is created, its id is not stored yet.
  const machine = machineOf.get(owner) ?? null
  return attachedTo !== undefined && machine !== null && attachedTo !== machine
    ? 'attached_elsewhere'
    : 'owned'
}

const entryOf = (
  volume: ProviderDisk,
  row: Disk | undefined,
  kind: DiskKind,
  prices: Prices | undefined,
): FleetDisk => ({
  kind,
  volume_id: volume.id,
  disk_id: row?.id ?? null,
  app: volume.app,
  workspace_id: row?.workspaceId ?? null,
  machine_id: volume.attachedTo ?? null,
  state: volume.state,
  region: volume.region,
  size_gb: volume.sizeGb,
  used_gb: volume.usedBytes === undefined ? null : round(volume.usedBytes / GB),
  usd_per_month: priceOf(prices, ({ perGb }) => volume.sizeGb * perGb),
})

const missing = (row: Disk, prices: Prices | undefined): FleetDisk => ({
  kind: 'missing',
  volume_id: row.volumeId ?? '',
  disk_id: row.id,
  app: row.app ?? '',
  workspace_id: row.workspaceId,
  machine_id: null,
  state: row.providerState ?? '',
  region: row.region ?? '',
  size_gb: row.sizeGb,
  used_gb: null,
  usd_per_month: priceOf(prices, () => 0),
})

/** @param hasPrices whether the sum of nothing is 0, or not known either */
export function diskTotalsOf(entries: FleetDisk[], hasPrices: boolean): FleetDisks['disk_totals'] {
  const totals = Object.fromEntries(
    DISK_KINDS.map((kind) => [kind, { disks: 0, size_gb: 0, usd_per_month: hasPrices ? 0 : null }]),
  ) as FleetDisks['disk_totals']
  for (const { kind, size_gb, usd_per_month } of entries) {
    const total = totals[kind]
    total.disks++
    total.size_gb += size_gb
    total.usd_per_month = addPrices(total.usd_per_month, usd_per_month)
  }
  return totals
}
