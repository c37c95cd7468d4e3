// GET /workspaces: one page of workspaces, filtered, sorted, and counted where the caller asks for the total.
import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { limitedTo } from '../../../lib/auth/authorize.ts'
import type { Services } from '../../../lib/control-plane/services.ts'
import { STATUSES } from '../../../lib/lifecycle/lifecycle.ts'
import {
  countWorkspaces,
  listWorkspaces,
  WORKSPACE_ORDERS,
  type WorkspaceFilter,
} from '../../../lib/lifecycle/list-workspaces.ts'
import { isTier, TIERS } from '../../../lib/machines/machine-spec.ts'
import { WORKSPACE_RUNTIMES } from '../../../lib/machines/runtimes.ts'
import { boundedText } from '../../../lib/platform/postgres-text.ts'
import { checkPlace } from '../../../lib/provisioner/places.ts'
import { workspaceIdInput } from '../../../lib/platform/uuid.ts'
import { LABEL_PREFIX } from '../../http/known-parameters.ts'
import { LabelPairs, labelsOf } from '../../http/labels.ts'
import { Moment } from '../../http/since.ts'
import { described } from '../../../lib/platform/described.ts'
import { createRouter, json, problem } from '../../http/openapi.ts'
import { cursorOf, parseCursor } from './cursor.ts'
import { linkNextPage } from '../../http/next-page.ts'
import { publicUrlOf } from '../../http/public-url.ts'
import { toWorkspaceView, WorkspaceView } from './view.ts'

const DEFAULT_LIMIT = 100
const MAX_LIMIT = 1000

const Text = boundedText().max(1000)

const Query = z.object({
  status: z
    .union([z.enum(STATUSES), z.array(z.enum(STATUSES))])
    .transform((status) => [status].flat())
    .optional()
    .openapi({ type: 'array', items: { type: 'string', enum: [...STATUSES] } }),
  runtime: z.enum(WORKSPACE_RUNTIMES).optional(),
  tier: z.coerce
    .number()
    .refine(isTier, `must be one of ${Object.keys(TIERS).join(', ')}`)
    .optional()
    .openapi({ type: 'integer', enum: Object.keys(TIERS).map(Number) }),
  region: Text.optional(),
  parent_id: workspaceIdInput().optional(),
  name: Text.optional(),
  name_prefix: Text.optional(),
  label: LabelPairs.optional(),
  created_after: Moment.optional(),
  sort: z.enum(WORKSPACE_ORDERS).default('created_at'),
  total: z.enum(['true', 'false']).default('false'),
  // Molecule's clients read one page, so their list is as long as it can be.
  limit: z.coerce.number().int().min(1).max(MAX_LIMIT).optional(),
  cursor: Text.optional(),
})

const listRoute = createRoute({
  method: 'get',
  path: '/workspaces',
  operationId: 'listWorkspaces',
  request: { query: Query },
  responses: described(() => ({
    200: json(
      z.array(WorkspaceView),
      'Workspaces that match, without removed ones unless `status` asks for them. The Link header with rel="next" leads to the next page.',
    ),
    400: problem('A query parameter is invalid or unknown.'),
  })),
})

export function workspaceListRoutes(services: Services) {
  const app = createRouter()
  const { config, db, provisioner } = services

  app.openapi(listRoute, async (c) => {
    const query = c.req.valid('query')
    const { cursor, limit = config.moleculeCompat ? MAX_LIMIT : DEFAULT_LIMIT, sort, total } = query
    if (query.region !== undefined) checkPlace('region', query.region, provisioner.regions)
    const filter: WorkspaceFilter = {
      status: query.status,
      runtime: query.runtime,
      tier: query.tier,
      region: query.region,
      parentId: query.parent_id,
      name: query.name,
      namePrefix: query.name_prefix,
      labels: allLabels(c, query.label ?? []),
      createdAfter: query.created_after,
      only: limitedTo(c.get('caller')) ?? null,
    }
    const page = { limit, order: sort, after: parseCursor(cursor, sort) }
    const { next, rows } = await listWorkspaces(db, filter, page)
    const publicUrl = publicUrlOf(config, c)
    linkNextPage(config, c, limit, next && cursorOf(sort, next))
    if (total === 'true') c.header('x-total-count', String(await countWorkspaces(db, filter)))
    return c.json(
      rows.map((row) => toWorkspaceView(services, row, publicUrl)),
      200,
    )
  })
  return app
}

/** `label=team=research` and `label.team=research` mean the same. @throws DomainError `invalid_input` */
const allLabels = (c: Context, pairs: readonly string[]): Record<string, string> =>
  labelsOf([
    ...pairs,
    ...Object.entries(c.req.queries())
      .filter(([name]) => name.startsWith(LABEL_PREFIX))
      .flatMap(([name, values]) => values.map((value) => `${name.slice(LABEL_PREFIX.length)}=${value}`)),
  ])
