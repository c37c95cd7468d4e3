// GET /prices: what a machine of each tier and a disk cost, so that a price can be shown before a workspace is created.
import { createRoute, z } from '@hono/zod-openapi'
import type { Services } from '../../lib/control-plane/services.ts'
import { DEFAULT_TIER, isTier, TIERS } from '../../lib/machines/machine-spec.ts'
import { priceOf, restingPrice } from '../../lib/provisioner/prices.ts'
import { described } from '../../lib/platform/described.ts'
import { createRouter, json } from '../http/openapi.ts'

const Dollars = described(() => z.number().nullable())

const PricesView = described(() =>
  z
    .object({
      tiers: z.array(
        z.object({
          tier: z.int(),
          cpus: z.int(),
          memory_mb: z.int(),
          is_default: z.boolean(),
          running_usd_per_month: Dollars,
          stopped_usd_per_month: Dollars,
        }),
      ),
      disk: z.object({ default_gb: z.int(), usd_per_gb_month: Dollars }),
      snapshots: z.object({ usd_per_gb_month: Dollars }),
    })
    .openapi('Prices'),
)

const pricesRoute = createRoute({
  method: 'get',
  path: '/prices',
  operationId: 'getPrices',
  responses: described(() => ({
    200: json(PricesView, 'Estimates in US dollars for 30 days; null where nothing has a price.'),
  })),
})

export function priceRoutes(services: Services) {
  const app = createRouter()
  app.openapi(pricesRoute, (c) => {
    const { prices } = services.provisioner
    return c.json(
      {
        tiers: Object.keys(TIERS)
          .map(Number)
          .filter(isTier)
          .map((tier) => ({
            tier,
            cpus: TIERS[tier].cpus,
            memory_mb: TIERS[tier].memoryMb,
            is_default: tier === DEFAULT_TIER,
            running_usd_per_month: priceOf(prices, ({ machine }) => machine(TIERS[tier])),
            stopped_usd_per_month: priceOf(prices, restingPrice),
          })),
        disk: {
          default_gb: services.config.disks.defaultGb,
          usd_per_gb_month: priceOf(prices, ({ perGb }) => perGb),
        },
        snapshots: { usd_per_gb_month: priceOf(prices, ({ perSnapshotGb }) => perSnapshotGb) },
      },
      200,
    )
  })
  return app
}
