// MOLECULE_COMPAT: events as Molecule's clients list them (docs/facts/molecule.md §2.8). `GET /events/:id` lists
// those of one workspace; `GET /events` without a query parameter lists those of all.
import { createRoute, z } from '@hono/zod-openapi'
import { DomainError } from '../../../lib/platform/errors.ts'
import { EVENT_TYPE_NAMES, isEventType, moleculeNameOf } from '../../../lib/events/event-types.ts'
import type { EventsFilter } from '../../../lib/events/events-filter.ts'
import { readNewestEvents } from '../../../lib/events/read-events.ts'
import type { Services } from '../../../lib/control-plane/services.ts'
import { getWorkspace } from '../../../lib/lifecycle/queries.ts'
import { described } from '../../../lib/platform/described.ts'
import { createRouter, IdParam, json, problem } from '../../http/openapi.ts'
import { statusView } from './routes.ts'

/** The number that Molecule lists, and the types that Molecule has a name for. */
const LISTED = 100
const NAMED = EVENT_TYPE_NAMES.filter((type) => moleculeNameOf(type) !== undefined)

export const MoleculeEvents = described(() =>
  z.array(
    z.object({
      id: z.string(),
      event_type: z.string(),
      workspace_id: z.uuid().nullable(),
      payload: z.record(z.string(), z.unknown()),
      created_at: z.iso.datetime(),
    }),
  ),
)

export async function moleculeEvents(
  services: Services,
  filter: Pick<EventsFilter, 'among' | 'workspaceId'>,
): Promise<z.infer<typeof MoleculeEvents>> {
  const { events } = await readNewestEvents(services, { ...filter, types: NAMED }, LISTED)
  return events.toReversed().map(({ at, payload, seq, type, workspaceId }) => ({
    id: String(seq),
    event_type: (isEventType(type) ? moleculeNameOf(type) : undefined) ?? type,
    workspace_id: workspaceId,
    payload:
      payload['status'] === 'ready' ? { ...payload, status: statusView(services.config, 'ready') } : payload,
    created_at: at.toISOString(),
  }))
}

const moleculeEventsRoute = createRoute({
  method: 'get',
  path: '/events/{id}',
  operationId: 'listMoleculeEvents',
  request: { params: IdParam },
  responses: described(() => ({
    200: json(MoleculeEvents, "The newest 100 events, with Molecule's names."),
    404: problem('No such workspace, or MOLECULE_COMPAT is not set.'),
  })),
})

export function moleculeEventRoutes(services: Services) {
  const app = createRouter()
  app.openapi(moleculeEventsRoute, async (c) => {
    const { id } = c.req.valid('param')
    if (!services.config.moleculeCompat) {
      throw new DomainError('not_found', 'this route needs MOLECULE_COMPAT: use GET /workspaces/:id/events')
    }
    await getWorkspace(services.db, id)
    return c.json(await moleculeEvents(services, { workspaceId: id }), 200)
  })
  return app
}
