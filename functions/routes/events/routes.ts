// GET /events and GET /workspaces/:id/events: the event log in order, as pages or as a stream of server-sent events.
import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { authorize, limitedTo } from '../../../lib/auth/authorize.ts'
import type { Caller } from '../../../lib/auth/caller.ts'
import { DomainError, invalidField } from '../../../lib/platform/errors.ts'
import {
  ADMINS_ONLY,
  EVENT_TYPE_NAMES,
  type EventType,
  unknownTypeText,
} from '../../../lib/events/event-types.ts'
import { rejectExpiredCursor } from '../../../lib/events/retention.ts'
import { readPage } from '../../../lib/events/follow-events.ts'
import type { EventsFilter } from '../../../lib/events/events-filter.ts'
import { type EventsQuery, logIsBusy, readNewestEvents } from '../../../lib/events/read-events.ts'
import { visibleSeq } from '../../../lib/events/visible-seq.ts'
import { toEventView } from '../../../lib/events/event-view.ts'
import type { Services } from '../../../lib/control-plane/services.ts'
import type { FollowQuery } from '../../../lib/events/follow-events.ts'
import { findIdsWithLabels } from '../../../lib/lifecycle/list-workspaces.ts'
import { getWorkspace } from '../../../lib/lifecycle/queries.ts'
import type { AppEnv } from '../../http/app-env.ts'
import type { Authenticate } from '../../http/authenticate.ts'
import { described } from '../../../lib/platform/described.ts'
import { createRouter, IdParam, problem } from '../../http/openapi.ts'
import { AUDIT_POLICY } from '../../access-policy.ts'
import { eventStream } from './stream.ts'
import { EventView } from './view.ts'
import { LabelPairs, labelsOf } from '../../http/labels.ts'
import { requestInfo } from '../../http/request-info.ts'
import { Moment, Since, timeOf } from '../../http/since.ts'
import { MoleculeEvents, moleculeEvents } from '../molecule-compat/events.ts'
import { wordList } from '../../http/word-list.ts'
import { workspaceIdInput } from '../../../lib/platform/uuid.ts'

const MAX_TAIL = 1000

const Query = z.object({
  after: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  tail: z.coerce.number().int().min(1).max(MAX_TAIL).optional(),
  types: wordList(EVENT_TYPE_NAMES, unknownTypeText).optional(),
  since: Since.optional(),
  until: Moment.optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
})

const Headers = z.object({
  'last-event-id': z.string().optional(),
})

const description = described(
  () =>
    `Events in order, after the number \`after\`; without it, from the oldest one that is kept. \`tail=20\` returns the newest 20 instead, and a stream begins with them. \`types\` is a list with commas, or repeated. Events of the types ${ADMINS_ONLY.map((type) => `\`${type}\``).join(', ')} are returned only when they are named, and only to callers who may read the audit. With \`Accept: text/event-stream\` the response is a stream of server-sent events with their numbers as \`id\`; a client that reconnects with \`Last-Event-ID\` continues there. Without it and without \`after\`, the stream begins with the next event.`,
)

const EventsView = described(() => z.object({ events: z.array(EventView), next: z.int() }))

const responses = described(() => ({
  200: {
    content: {
      'application/json': { schema: EventsView },
      'text/event-stream': { schema: z.string() },
    },
    description:
      'Events. `next` is the value of `after` for the next page; it grows also when no event matches.',
  },
  400: problem('A parameter is invalid.'),
  410: problem(
    'Events after `after` are no longer kept: `oldest_seq` is the number of the oldest one that is. Or `after` is beyond the newest event, as after a restore of the database: `newest_seq` is its number.',
  ),
}))

const eventsRoute = createRoute({
  method: 'get',
  path: '/events',
  operationId: 'listEvents',
  description,
  request: {
    query: Query.extend({ workspace_id: workspaceIdInput().optional(), label: LabelPairs.optional() }),
    headers: Headers,
  },
  responses: described(() => ({
    ...responses,
    200: {
      content: {
        'application/json': { schema: z.union([EventsView, MoleculeEvents]) },
        'text/event-stream': { schema: z.string() },
      },
      description: `${responses[200].description} With MOLECULE_COMPAT and without a parameter, Molecule's list.`,
    },
    404: problem('No such workspace.'),
  })),
})

const workspaceEventsRoute = createRoute({
  method: 'get',
  path: '/workspaces/{id}/events',
  operationId: 'listWorkspaceEvents',
  description,
  request: { params: IdParam, query: Query, headers: Headers },
  responses: described(() => ({ ...responses, 404: problem('No such workspace.') })),
})

type EventsRequest = z.infer<typeof Query> & {
  workspaceId: string | undefined
  labels?: Record<string, string> | undefined
}

export function eventRoutes(services: Services, authenticate: Authenticate) {
  const app = createRouter()

  async function answer(c: Context<AppEnv>, request: EventsRequest) {
    const { after, limit, tail } = request
    const caller = c.get('caller')
    const isStream = wantsStream(c)
    rejectContradictions(request, isStream)
    rejectAdminsOnly(caller, request.types)
    const filter = await filterOf(services, caller, request)
    const newest = tail === undefined ? undefined : await readNewestEvents(services, filter, tail)
    if (!isStream) {
      const page = newest ?? (await readPage(services, { ...filter, after: after ?? 0, limit }))
      const events = page.events.map(toEventView) as z.infer<typeof EventView>[]
      return c.json({ events, next: page.next }, 200)
    }
    const [oldest] = newest?.events ?? []
    const begin = oldest === undefined ? newest?.next : oldest.seq - 1
    const from =
      parseLastEventId(c.req.header('last-event-id')) ??
      begin ??
      after ??
      (request.since === undefined ? undefined : 0)
    const info = requestInfo(services.config, c)
    const query = { ...(await startOf(services, filter, from)), ...labelledNow(caller, request) }
    return eventStream(services, query, () => authenticate(info))
  }

  app.openapi(eventsRoute, async (c) => {
    const { label, workspace_id: workspaceId, ...query } = c.req.valid('query')
    if (services.config.moleculeCompat && new URL(c.req.url).search === '' && !wantsStream(c)) {
      return c.json(await moleculeEvents(services, { among: limitedTo(c.get('caller')) }), 200)
    }
    return answer(c, { ...query, workspaceId, labels: label && labelsOf(label) })
  })
  app.openapi(workspaceEventsRoute, async (c) =>
    answer(c, { ...c.req.valid('query'), workspaceId: c.req.valid('param').id }),
  )
  return app
}

/** @throws DomainError `invalid_input` */
function rejectContradictions({ after, tail, until }: EventsRequest, isStream: boolean): void {
  if (tail !== undefined && after !== undefined) throw invalidField('tail', 'give tail or after, not both')
  if (until !== undefined && isStream) throw invalidField('until', 'a stream has no end: remove it')
}

/** @throws DomainError `not_found` */
async function filterOf(
  { db, now }: Services,
  caller: Caller,
  { labels, since, types, until, workspaceId }: EventsRequest,
): Promise<EventsFilter> {
  if (workspaceId !== undefined) await getWorkspace(db, workspaceId)
  return {
    types,
    workspaceId,
    labels,
    among: limitedTo(caller),
    since: timeOf(since, now()),
    until,
  }
}

/** Workspaces get and lose labels while a stream lasts. */
const labelledNow = (caller: Caller, { labels }: EventsRequest): Pick<FollowQuery, 'findLabelled'> =>
  labels === undefined ? {} : { findLabelled: (db) => findIdsWithLabels(db, labels, limitedTo(caller)) }

const wantsStream = (c: Context<AppEnv>) => /\btext\/event-stream\b/i.test(c.req.header('accept') ?? '')

function rejectAdminsOnly(caller: Caller, types: EventType[] | undefined): void {
  const restricted = types?.find((type) => ADMINS_ONLY.includes(type))
  if (restricted === undefined || authorize(AUDIT_POLICY, caller, undefined) === 'allowed') return
  throw new DomainError('forbidden', `events of the type ${restricted} need a token that may read the audit`)
}

/** @throws DomainError `invalid_input` */
function parseLastEventId(header: string | undefined): number | undefined {
  if (header === undefined || header === '') return undefined
  const seq = /^\d{1,16}$/.test(header) ? Number(header) : Number.NaN
  if (Number.isSafeInteger(seq)) return seq
  throw invalidField('Last-Event-ID', 'is not an id of a stream of this API')
}

/** @throws DomainError `gone`; `unavailable` when the end of the log cannot be determined */
async function startOf(
  services: Services,
  query: EventsFilter,
  after: number | undefined,
): Promise<Omit<EventsQuery, 'limit'>> {
  if (after === undefined) {
    const settled = await visibleSeq(services)
    if (settled !== undefined) return { ...query, after: settled }
    throw logIsBusy()
  }
  // A status tells more than the end of a stream.
  await rejectExpiredCursor(services, after, query.types)
  return { ...query, after }
}
