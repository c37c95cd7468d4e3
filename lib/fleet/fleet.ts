// GET /fleet: every machine of every app we use, and every machine we believe to have, held against each other: what is
// whose, how old it is, and what it costs.
import type { ReconcileContext } from '../reconcile/context.ts'
import type { Store } from '../platform/context.ts'
import { isNotNull, isNull } from 'drizzle-orm'
import { controlPlane as controlPlanes, orphans, workspaces } from '../../drizzle/schema/index.ts'
import { HOPELESS_ATTEMPTS } from './orphans.ts'
import { type InventoryEntry, ProvisionError } from '../provisioner/provisioner.ts'
import { WANTED_MACHINE } from '../lifecycle/lifecycle.ts'
import type { Workspace } from '../lifecycle/workspace.ts'

/** `drifted` is owned and not in the condition its workspace wants; `missing` is believed to exist and not in the list. */
export type FleetKind = 'owned' | 'drifted' | 'orphan' | 'foreign' | 'missing'

export type FleetMachine = {
  kind: FleetKind
  machine_id: string
  app: string
  workspace_id: string | null
  status: string | null
  machine_state: string
  region: string
  age_seconds: number | null
  /** Estimate for 30 days in its present state, US dollars. */
  usd_per_month: number
  /** Set on a machine that nobody wants and that could not be destroyed for so long that somebody should look. */
  needs_human?: true
}

export type Fleet = {
  machines: FleetMachine[]
  totals: Record<FleetKind, { machines: number; usd_per_month: number }>
  /** Apps that did not answer: of their machines nothing is known, and none is called missing. */
  unknown_apps: string[]
}

export async function describeFleet(services: ReconcileContext): Promise<Fleet> {
  const { db, provisioner } = services
  const now = services.now()
  const [self] = await db.select().from(controlPlanes)
  const rows = await db.select().from(workspaces).where(isNotNull(workspaces.machineId))
  const byMachine = new Map(rows.map((row) => [row.machineId, row]))
  const stubborn = await db.select().from(orphans).where(isNull(orphans.goneAt))
  const attemptsOf = new Map(stubborn.map(({ machineId, attempts }) => [machineId, attempts]))
  const machines: FleetMachine[] = []
  const unknownApps: string[] = []
  for (const app of new Set([...provisioner.apps, ...rows.map((row) => row.app ?? '')])) {
    const inventory = await inventoryOf(services, app)
    if (inventory === undefined) {
      unknownApps.push(app)
      continue
    }
    const seen = new Set(inventory.map(({ id }) => id))
    for (const entry of inventory) {
      const row = byMachine.get(entry.id)
      const kind = kindOf(entry, row, self?.id)
      const unwanted = row === undefined ? kind === 'orphan' : WANTED_MACHINE[row.status] === 'none'
      const attempts = row?.attempts ?? attemptsOf.get(entry.id) ?? 0
      machines.push({
        kind,
        machine_id: entry.id,
        app,
        workspace_id: row?.id ?? entry.labels?.workspaceId ?? null,
        status: row?.status ?? null,
        machine_state: entry.state,
        region: entry.region,
        age_seconds:
          entry.createdAt === undefined
            ? null
            : Math.round((now.getTime() - entry.createdAt.getTime()) / 1000),
        usd_per_month:
          entry.phase === 'started' || entry.phase === 'busy' ? cents(provisioner.monthlyPrice(entry)) : 0,
        ...(unwanted && attempts >= HOPELESS_ATTEMPTS ? { needs_human: true as const } : {}),
      })
    }
    for (const row of rows)
      if (row.app === app && !seen.has(row.machineId ?? '')) machines.push(missing(services, row))
  }
  return { machines, totals: totalsOf(machines), unknown_apps: unknownApps }
}

async function inventoryOf(
  { provisioner }: ReconcileContext,
  app: string,
): Promise<InventoryEntry[] | undefined> {
  try {
    return await provisioner.inventory(app)
  } catch (error) {
    if (error instanceof ProvisionError) return undefined
    throw error
  }
}

function kindOf(entry: InventoryEntry, row: Workspace | undefined, self: string | undefined): FleetKind {
  if (row !== undefined) return matches(entry, row) ? 'owned' : 'drifted'
  return entry.labels?.controlPlane === self ? 'orphan' : 'foreign'
}

function matches({ phase }: InventoryEntry, row: Workspace): boolean {
  switch (WANTED_MACHINE[row.status]) {
    case 'started':
      return phase === 'started' || phase === 'busy' || phase === 'unknown'
    case 'stopped':
    case 'asleep':
      return phase !== 'started'
    case 'none':
      return false
  }
}

const missing = ({ now }: Store, row: Workspace): FleetMachine => ({
  kind: 'missing',
  machine_id: row.machineId ?? '',
  app: row.app ?? '',
  workspace_id: row.id,
  status: row.status,
  machine_state: row.machineState ?? '',
  region: row.machineRegion ?? '',
  age_seconds:
    row.launchedAt === null ? null : Math.round((now().getTime() - row.launchedAt.getTime()) / 1000),
  usd_per_month: 0,
})

function totalsOf(machines: FleetMachine[]): Fleet['totals'] {
  const totals: Fleet['totals'] = {
    owned: { machines: 0, usd_per_month: 0 },
    drifted: { machines: 0, usd_per_month: 0 },
    orphan: { machines: 0, usd_per_month: 0 },
    foreign: { machines: 0, usd_per_month: 0 },
    missing: { machines: 0, usd_per_month: 0 },
  }
  for (const { kind, usd_per_month } of machines) {
    totals[kind].machines++
    totals[kind].usd_per_month = cents(totals[kind].usd_per_month + usd_per_month)
  }
  return totals
}

const cents = (dollars: number) => Math.round(dollars * 100) / 100
