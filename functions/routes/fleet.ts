// /fleet and /regions: the machines at the provider with their owners and prices, and the regions with their capacity.
import { createRoute, z } from '@hono/zod-openapi'
import { DISK_KINDS } from '../../lib/fleet/fleet-disks.ts'
import { describeFleet } from '../../lib/fleet/fleet.ts'
import { checkPlaces, selectFleet } from '../../lib/fleet/select-fleet.ts'
import { findIdsWithLabels } from '../../lib/lifecycle/list-workspaces.ts'
import { workspaceIdInput } from '../../lib/platform/uuid.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { listRegionHealth } from '../../lib/reconcile/region-health.ts'
import { LabelPairs, labelsOf } from '../http/labels.ts'
import { described } from '../../lib/platform/described.ts'
import { createRouter, json, problem } from '../http/openapi.ts'
import { DriftView, Reason } from './workspaces/view.ts'

const FleetKind = z.enum(['owned', 'drifted', 'orphan', 'foreign', 'missing'])

const FleetDiskKind = described(() => z.enum(DISK_KINDS))

const AnyKind = z.enum([...new Set([...FleetKind.options, ...DISK_KINDS])])

const FleetView = described(() =>
  z
    .object({
      machines: z.array(
        z.object({
          kind: FleetKind,
          machine_id: z.string(),
          app: z.string(),
          workspace_id: z.string().nullable(),
          status: z.string().nullable(),
          machine_state: z.string(),
          region: z.string(),
          age_seconds: z.int().optional(),
          usd_per_month: z.number().nullable(),
          kept_until: z.iso
            .datetime()
            .optional()
            .describe('When the machine of a failed workspace is removed.'),
          drift: z.array(DriftView).optional(),
          needs_human: z.literal(true).optional(),
        }),
      ),
      totals: z.record(FleetKind, z.object({ machines: z.int(), usd_per_month: z.number().nullable() })),
      disks: z.array(
        z.object({
          kind: FleetDiskKind,
          volume_id: z.string(),
          disk_id: z.string().nullable(),
          app: z.string(),
          workspace_id: z.string().nullable(),
          machine_id: z.string().nullable(),
          state: z.string(),
          region: z.string(),
          size_gb: z.int(),
          used_gb: z.number().nullable(),
          usd_per_month: z.number().nullable(),
        }),
      ),
      disk_totals: z.record(
        FleetDiskKind,
        z.object({ disks: z.int(), size_gb: z.int(), usd_per_month: z.number().nullable() }),
      ),
      snapshot_totals: z.object({
        snapshots: z.int(),
        size_gb: z.number(),
        usd_per_month: z.number().nullable(),
      }),
      unknown_apps: z.array(z.string()),
    })
    .openapi('Fleet'),
)

const fleetRoute = createRoute({
  method: 'get',
  path: '/fleet',
  operationId: 'getFleet',
  request: {
    query: z.object({
      kind: z
        .union([AnyKind, z.array(AnyKind)])
        .transform((kind) => [kind].flat())
        .optional()
        .openapi({ type: 'array', items: { type: 'string', enum: AnyKind.options } }),
      app: z.string().max(100).optional(),
      region: z.string().max(100).optional(),
      workspace_id: workspaceIdInput().optional(),
      label: LabelPairs.optional(),
      limit: z.coerce.number().int().min(1).max(1000).optional(),
      offset: z.coerce.number().int().min(0).max(1_000_000).default(0),
    }),
  },
  responses: described(() => ({
    200: json(
      FleetView,
      'Every machine in the configured apps (owned, drifted, orphan, foreign or missing), and every disk (owned, retained, attached elsewhere, orphan, foreign or missing). Prices are estimates for 30 days; a stopped machine on Fly is counted with a root file system of 1 GB. With Docker nothing has a price: they are null. The totals count everything that matches, in all pages.',
    ),
    400: problem('A query parameter is invalid or unknown.'),
  })),
})

const RegionView = described(() =>
  z
    .object({
      region: z.string(),
      state: z.enum(['untried', 'open', 'full', 'trial']),
      failures: z.int(),
      retry_at: z.iso.datetime().nullable(),
      last_success_at: z.iso.datetime().nullable(),
      last_failure_at: z.iso.datetime().nullable(),
      last_failure: z.union([Reason, z.null()]),
    })
    .openapi('Region'),
)

const regionsRoute = createRoute({
  method: 'get',
  path: '/regions',
  operationId: 'listRegions',
  responses: described(() => ({
    200: json(
      z.array(RegionView),
      '`open`: the last launch found capacity. `full`: skipped until `retry_at`. `trial`: the next launch may try it again.',
    ),
  })),
})

export function fleetRoutes(services: Services) {
  const app = createRouter()
  app.openapi(fleetRoute, async (c) => {
    const { label, workspace_id: workspaceId, ...filter } = c.req.valid('query')
    const among =
      label === undefined ? undefined : await findIdsWithLabels(services.db, labelsOf(label), undefined)
    const fleet = await describeFleet(services)
    checkPlaces(filter, fleet, services.provisioner)
    return c.json(selectFleet(fleet, { ...filter, workspaceId, among }), 200)
  })
  app.openapi(regionsRoute, async (c) => {
    const known = new Map((await listRegionHealth(services.db)).map((health) => [health.region, health]))
    const now = services.now()
    return c.json(
      services.provisioner.regions.map((region): z.infer<typeof RegionView> => {
        const health = known.get(region)
        const openUntil = health?.openUntil ?? null
        return {
          region,
          state:
            health === undefined
              ? 'untried'
              : openUntil === null
                ? 'open'
                : openUntil > now
                  ? 'full'
                  : 'trial',
          failures: health?.failures ?? 0,
          retry_at: openUntil?.toISOString() ?? null,
          last_success_at: health?.lastSuccessAt?.toISOString() ?? null,
          last_failure_at: health?.lastFailureAt?.toISOString() ?? null,
          last_failure: health?.lastFailure ?? null,
        }
      }),
      200,
    )
  })
  return app
}
