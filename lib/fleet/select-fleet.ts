// A part of the fleet: the machines and disks that match a filter, counted, and of those one page.
import { checkPlace } from '../provisioner/places.ts'
import type { Provisioner } from '../provisioner/provisioner.ts'
import { type Fleet, totalsOf } from './fleet.ts'
import { diskTotalsOf } from './fleet-disks.ts'

export type FleetFilter = {
  /** Kinds of machines and of disks. */
  kind?: readonly string[] | undefined
  app?: string | undefined
  region?: string | undefined
  workspaceId?: string | undefined
  /** Only machines and disks of these workspaces. */
  among?: readonly string[] | undefined
  /** The most machines, and the most disks; all by default. */
  limit?: number | undefined
  /** Machines, and disks, to skip. */
  offset?: number | undefined
}

/**
 * A place that no configuration has and where nothing is would look like one that is empty.
 * @throws DomainError `invalid_input` for an unknown app or region
 */
export function checkPlaces(
  { app, region }: FleetFilter,
  { disks, machines }: Fleet,
  { apps, regions }: Pick<Provisioner, 'apps' | 'regions'>,
): void {
  const rows = [...machines, ...disks]
  if (app !== undefined) checkPlace('app', app, [...apps, ...rows.map((row) => row.app)])
  if (region !== undefined) checkPlace('region', region, [...regions, ...rows.map((row) => row.region)])
}

type Row = { kind: string; app: string; region: string; workspace_id: string | null }

/** The totals count everything that matches, in all pages. */
export function selectFleet(fleet: Fleet, { limit, offset = 0, ...filter }: FleetFilter): Fleet {
  const among = filter.among === undefined ? undefined : new Set(filter.among)
  const matches = ({ app, kind, region, workspace_id: id }: Row) =>
    (filter.kind === undefined || filter.kind.includes(kind)) &&
    (filter.app === undefined || filter.app === app) &&
    (filter.region === undefined || filter.region === region) &&
    (filter.workspaceId === undefined || filter.workspaceId === id) &&
    (among === undefined || (id !== null && among.has(id)))
  const machines = fleet.machines.filter(matches)
  const disks = fleet.disks.filter(matches)
  const hasPrices = fleet.snapshot_totals.usd_per_month !== null
  const end = limit === undefined ? undefined : offset + limit
  return {
    ...fleet,
    machines: machines.slice(offset, end),
    totals: totalsOf(machines, hasPrices),
    disks: disks.slice(offset, end),
    disk_totals: diskTotalsOf(disks, hasPrices),
  }
}
