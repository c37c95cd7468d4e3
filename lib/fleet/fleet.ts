// GET /fleet: the provider's inventory of every app that is in use, compared with the machines of our workspaces:
// whose each machine is, how it differs from what was requested, its age and its price.
import { isNotNull, isNull } from 'drizzle-orm'
import { controlPlane, type Drift, orphans, workspaces } from '../../drizzle/schema/index.ts'
import { wantedMachine } from '../lifecycle/lifecycle.ts'
import { type Workspace, workspaceColumns } from '../lifecycle/workspace.ts'
import { addPrices, priceOf, restingPrice } from '../provisioner/prices.ts'
import { type InventoryEntry, ProvisionError } from '../provisioner/provisioner.ts'
import type { ReconcileContext } from '../reconcile/context.ts'
import { driftOf } from '../reconcile/drift.ts'
import { describeDisks, type FleetDisks } from './fleet-disks.ts'
import { HOPELESS_ATTEMPTS } from './orphans.ts'

/**
 * `drifted`: one of ours that differs from what its workspace wants. `missing`: recorded here and not in the list.
 */
export type FleetKind = 'owned' | 'drifted' | 'orphan' | 'foreign' | 'missing'

export type FleetMachine = {
  kind: FleetKind
  machine_id: string
  app: string
  workspace_id: string | null
  status: string | null
  machine_state: string
  region: string
  /** Absent where the provider does not say when the machine was created. */
  age_seconds?: number
  /** Estimate for 30 days in the present state, in US dollars; null where machines have no price. */
  usd_per_month: number | null
  /** When the machine of a failed workspace is removed. */
  kept_until?: string
  /** How a machine of ours differs from what was requested. */
  drift?: Drift[]
  /** Set on an unwanted machine whose destruction has failed so often that an operator should look. */
  needs_human?: true
}

export type Fleet = FleetDisks & {
  machines: FleetMachine[]
  totals: Record<FleetKind, { machines: number; usd_per_month: number | null }>
  /** Apps that did not answer: nothing is known of their machines, and none of them counts as missing. */
  unknown_apps: string[]
}

export async function describeFleet(services: ReconcileContext): Promise<Fleet> {
  const { db, provisioner } = services
  const [self] = await db.select().from(controlPlane)
  const rows = await db.select(workspaceColumns).from(workspaces).where(isNotNull(workspaces.machineId))
  const known = await db.select().from(orphans).where(isNull(orphans.goneAt))
  const context = {
    services,
    controlPlaneId: self?.id,
    rowOf: new Map(rows.map((row) => [row.machineId, row])),
    attemptsOf: new Map(known.map(({ machineId, attempts }) => [machineId, attempts])),
  }
  const machines: FleetMachine[] = []
  const unknownApps: string[] = []
  const knownApps: string[] = []
  for (const app of new Set([...provisioner.apps, ...rows.map((row) => row.app ?? '')])) {
    const inventory = await inventoryOf(services, app)
    if (inventory === undefined) {
      unknownApps.push(app)
      continue
    }
    knownApps.push(app)
    machines.push(...inventory.map((entry) => describe(context, app, entry)))
    const seen = new Set(inventory.map(({ id }) => id))
    const absent = rows.filter((row) => row.app === app && !seen.has(row.machineId ?? ''))
    machines.push(...absent.map((row) => missing(services, row)))
  }
  const machineOf = new Map(rows.map((row) => [row.id, row.machineId]))
  return {
    machines,
    totals: totalsOf(machines, provisioner.prices !== undefined),
    ...(await describeDisks(services, self?.id, knownApps, machineOf)),
    unknown_apps: unknownApps,
  }
}

type FleetContext = {
  services: ReconcileContext
  controlPlaneId: string | undefined
  rowOf: Map<string | null, Workspace>
  attemptsOf: Map<string, number>
}

function describe(
  { attemptsOf, controlPlaneId, rowOf, services }: FleetContext,
  app: string,
  entry: InventoryEntry,
): FleetMachine {
  const now = services.now()
  const row = rowOf.get(entry.id)
  const drift = row === undefined ? [] : [...stateDrift(entry, row, now), ...driftOf(row, entry)]
  const kind = kindOf(entry, row, drift, controlPlaneId)
  const isUnwanted = row === undefined ? kind === 'orphan' : wantedMachine(row, now) === 'none'
  const attempts = row?.attempts ?? attemptsOf.get(entry.id) ?? 0
  const { phase } = entry
  const isPaid = phase === 'started' || phase === 'busy'
  const isResting = phase === 'stopped' || phase === 'suspended'
  return {
    kind,
    machine_id: entry.id,
    app,
    workspace_id: row?.id ?? entry.labels?.workspaceId ?? null,
    status: row?.status ?? null,
    machine_state: entry.state,
    region: entry.region,
    ...ageOf(entry.createdAt, now),
    usd_per_month: priceOf(services.provisioner.prices, (prices) =>
      isPaid ? prices.machine(entry.size) : isResting ? restingPrice(prices) : 0,
    ),
    ...(row?.status === 'failed' && row.machineKeptUntil !== null
      ? { kept_until: row.machineKeptUntil.toISOString() }
      : {}),
    ...(drift.length === 0 ? {} : { drift }),
    ...(isUnwanted && attempts >= HOPELESS_ATTEMPTS ? { needs_human: true as const } : {}),
  }
}

const ageOf = (createdAt: Date | null | undefined, now: Date) =>
  createdAt == null ? {} : { age_seconds: Math.round((now.getTime() - createdAt.getTime()) / 1000) }

async function inventoryOf(
  { log, provisioner }: ReconcileContext,
  app: string,
): Promise<InventoryEntry[] | undefined> {
  try {
    return await provisioner.inventory(app)
  } catch (error) {
    if (!(error instanceof ProvisionError)) throw error
    log('warn', 'the provider did not list its machines', { app, detail: error.problem.message })
    return undefined
  }
}

function kindOf(
  entry: InventoryEntry,
  row: Workspace | undefined,
  drift: Drift[],
  controlPlaneId: string | undefined,
): FleetKind {
  if (row !== undefined) return drift.length === 0 ? 'owned' : 'drifted'
  return entry.labels?.controlPlane === controlPlaneId ? 'orphan' : 'foreign'
}

/** Whether the machine is in the state that its workspace wants. Transitional states are. */
function stateDrift({ phase, state }: InventoryEntry, row: Workspace, now: Date): Drift[] {
  const wanted = wantedMachine(row, now)
  const isAsWanted =
    phase === 'unknown' ||
    (wanted === 'started' && (phase === 'started' || phase === 'busy')) ||
    ((wanted === 'stopped' || wanted === 'asleep') && phase !== 'started')
  return isAsWanted ? [] : [{ field: 'state', wanted, actual: state }]
}

const missing = ({ now, provisioner }: ReconcileContext, row: Workspace): FleetMachine => ({
  kind: 'missing',
  machine_id: row.machineId ?? '',
  app: row.app ?? '',
  workspace_id: row.id,
  status: row.status,
  machine_state: row.machineState ?? '',
  region: row.machineRegion ?? '',
  ...ageOf(row.launchedAt, now()),
  usd_per_month: priceOf(provisioner.prices, () => 0),
})

/** @param hasPrices whether the sum of nothing is 0, or not known either */
export function totalsOf(machines: readonly FleetMachine[], hasPrices: boolean): Fleet['totals'] {
  const none = () => ({ machines: 0, usd_per_month: hasPrices ? 0 : null })
  const totals: Fleet['totals'] = {
    owned: none(),
    drifted: none(),
    orphan: none(),
    foreign: none(),
    missing: none(),
  }
  for (const { kind, usd_per_month } of machines) {
    totals[kind].machines++
    totals[kind].usd_per_month = addPrices(totals[kind].usd_per_month, usd_per_month)
  }
  return totals
}
