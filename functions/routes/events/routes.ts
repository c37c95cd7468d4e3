// GET /events and /workspaces/:id/events: the log, in order; as pages to be asked for, or as a stream that goes on.
import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { authorize } from '../../../lib/auth/authorize.ts'
import type { Caller } from '../../../lib/auth/caller.ts'
import { DomainError, invalidField } from '../../../lib/platform/errors.ts'
import {
  ADMINS_ONLY,
  EVENT_TYPE_NAMES,
  type EventType,
  isEventType,
} from '../../../lib/events/event-types.ts'
import { rejectExpiredCursor } from '../../../lib/events/retention.ts'
import { readKept } from '../../../lib/events/follow-events.ts'
import type { EventsQuery } from '../../../lib/events/read-events.ts'
import { settledSeq } from '../../../lib/events/settled-seq.ts'
import { toEventView } from '../../../lib/events/event-view.ts'
import type { Services } from '../../../lib/control-plane/services.ts'
import { getWorkspace } from '../../../lib/lifecycle/queries.ts'
import type { AppEnv } from '../../http/app-env.ts'
import type { Authenticate } from '../../http/authenticate.ts'
import { createRouter, IdParam, problem } from '../../http/openapi.ts'
import { AUDIT_POLICY } from '../../access-policy.ts'
import { eventStream } from './stream.ts'
import { EventView } from './view.ts'
import { requestInfo } from '../../http/request-info.ts'
import { MoleculeEvents, moleculeEvents } from '../molecule-compat/events.ts'

const Types = z
  .union([z.string(), z.array(z.string())])
  .transform((given, context): EventType[] => {
    const names = [given].flat().flatMap((some) => some.split(',').map((name) => name.trim()))
    const unknown = names.find((name) => !isEventType(name))
    if (unknown !== undefined) {
      const message = `there is no type '${unknown.slice(0, 100)}'; types are ${EVENT_TYPE_NAMES.join(', ')}`
      context.addIssue({ code: 'custom', message })
    }
    return names.filter(isEventType)
  })
  .openapi({ type: 'array', items: { type: 'string', enum: EVENT_TYPE_NAMES } })

const Query = z.object({
  after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  types: Types.optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
})

const Headers = z.object({
  'last-event-id': z
    .string()
    .optional()
    .openapi({ description: 'Of a stream: the last `id` that was seen. It wins over `after`.' }),
})

const ABOUT = `In order, from after the number \`after\`; without it from the oldest that is kept. \`types\` are separated by commas or repeated; ${ADMINS_ONLY.map((type) => `\`${type}\``).join(', ')} come only when they are named, and only to those who may read the audit. With \`Accept: text/event-stream\` a stream of server-sent events that goes on: each has its number as \`id\`, and whoever comes back with \`Last-Event-ID\` goes on from there; without it and without \`after\` it begins now.`

const EventsView = z.object({ events: z.array(EventView), next: z.int() })

const responses = {
  200: {
    content: {
      'application/json': { schema: EventsView },
      'text/event-stream': { schema: z.string() },
    },
    description: 'Events, and what `after` is to be next. `next` grows also where nothing matched.',
  },
  400: problem('A parameter is not valid.'),
  410: problem('What comes after `after` is no longer kept. `oldest_seq` is the first number that is.'),
}

const eventsRoute = createRoute({
  method: 'get',
  path: '/events',
  operationId: 'listEvents',
  description: ABOUT,
  request: {
    query: Query.extend({ workspace_id: z.uuid('must be a UUID').toLowerCase().optional() }),
    headers: Headers,
  },
  responses: {
    ...responses,
    200: {
      content: {
        'application/json': { schema: z.union([EventsView, MoleculeEvents]) },
        'text/event-stream': { schema: z.string() },
      },
      description: `${responses[200].description} With MOLECULE_COMPAT and without a parameter: Molecule's list.`,
    },
    404: problem('No such workspace.'),
  },
})

const workspaceEventsRoute = createRoute({
  method: 'get',
  path: '/workspaces/{id}/events',
  operationId: 'listWorkspaceEvents',
  description: ABOUT,
  request: { params: IdParam, query: Query, headers: Headers },
  responses: { ...responses, 404: problem('No such workspace.') },
})

type Asked = z.infer<typeof Query> & { workspaceId: string | undefined }

export function eventRoutes(services: Services, identify: Authenticate) {
  const app = createRouter()

  async function answer(c: Context<AppEnv>, { after, limit, types, workspaceId }: Asked) {
    const caller = c.get('caller')
    refuseAdminsOnly(caller, types)
    const among = amongOf(caller)
    if (workspaceId !== undefined) {
      if (among?.includes(workspaceId) === false) throw new DomainError('not_found', 'workspace not found')
      await getWorkspace(services.db, workspaceId)
    }
    const query = { types, workspaceId, among }
    if (!wantsStream(c)) {
      const page = await readKept(services, { ...query, after: after ?? 0, limit })
      const events = page.events.map(toEventView) as z.infer<typeof EventView>[]
      return c.json({ events, next: page.next }, 200)
    }
    const from = lastEventId(c.req.header('last-event-id')) ?? after
    const knock = requestInfo(services.config, c)
    return eventStream(services, await startOf(services, query, from), () => identify(knock))
  }

  app.openapi(eventsRoute, async (c) => {
    const { workspace_id: workspaceId, ...query } = c.req.valid('query')
    if (services.config.moleculeCompat && new URL(c.req.url).search === '' && !wantsStream(c)) {
      return c.json(await moleculeEvents(services, { among: amongOf(c.get('caller')) }), 200)
    }
    return answer(c, { ...query, workspaceId })
  })
  app.openapi(workspaceEventsRoute, async (c) =>
    answer(c, { ...c.req.valid('query'), workspaceId: c.req.valid('param').id }),
  )
  return app
}

const wantsStream = (c: Context<AppEnv>) => /\btext\/event-stream\b/i.test(c.req.header('accept') ?? '')

/** The workspaces that a caller may see, where they are not all. */
const amongOf = (caller: Caller) => (caller.kind === 'token' ? (caller.workspaces ?? undefined) : undefined)

function refuseAdminsOnly(caller: Caller, types: EventType[] | undefined): void {
  const asked = types?.find((type) => ADMINS_ONLY.includes(type))
  if (asked === undefined || authorize(AUDIT_POLICY, caller, undefined) === 'allowed') return
  throw new DomainError('forbidden', `events of the type ${asked} are for those who may read the audit`)
}

/** @throws DomainError `invalid_input` */
function lastEventId(given: string | undefined): number | undefined {
  if (given === undefined || given === '') return undefined
  const seq = /^\d{1,16}$/.test(given) ? Number(given) : Number.NaN
  if (Number.isSafeInteger(seq)) return seq
  throw invalidField('Last-Event-ID', 'is not a number that a stream of this API gave out')
}

/** @throws DomainError `gone`; `unavailable` when nobody can know where the log ends */
async function startOf(
  services: Services,
  query: Omit<EventsQuery, 'after' | 'limit'>,
  after: number | undefined,
): Promise<Omit<EventsQuery, 'limit'>> {
  if (after === undefined) {
    const settled = await settledSeq(services)
    if (settled !== undefined) return { ...query, after: settled }
    throw new DomainError('unavailable', 'a change is being written that does not end; try again shortly', {
      retryAfterSeconds: 5,
    })
  }
  // Refused with a status rather than within a stream.
  await rejectExpiredCursor(services, after, query.types)
  return { ...query, after }
}
