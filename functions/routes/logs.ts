// GET /workspaces/:id/logs: what a workspace's machine printed, as a page, as plain text, or followed as a stream.
import { createRoute, z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Services } from '../../lib/control-plane/services.ts'
import { followLogs, type FollowQuery } from '../../lib/inside/follow-logs.ts'
import { decodeCursor, encodeCursor } from '../../lib/inside/log-cursor.ts'
import { factsOf } from '../../lib/provisioner/request-error.ts'
import { type LogsPage, readLogs } from '../../lib/inside/read-logs.ts'
import type { LogEntry } from '../../lib/inside/workspace-log.ts'
import { invalidField } from '../../lib/platform/errors.ts'
import { boundedText } from '../../lib/platform/postgres-text.ts'
import { printable } from '../../lib/platform/printable.ts'
import { withRequestBudget } from '../../lib/platform/subrequest-budget.ts'
import { LOG_LEVELS, LOG_SOURCES, toLogLevel } from '../../lib/provisioner/inside.ts'
import type { AppEnv } from '../http/app-env.ts'
import type { Authenticate } from '../http/authenticate.ts'
import { eventStreamOf, RETRY_FIELD } from '../http/event-stream.ts'
import { described } from '../../lib/platform/described.ts'
import { createRouter, IdParam, problem } from '../http/openapi.ts'
import { requestInfo } from '../http/request-info.ts'
import { Since, timeOf } from '../http/since.ts'
import { wordList } from '../http/word-list.ts'

const MAX_TAIL = 1_000

const Query = z.object({
  after: z.string().max(2_000).optional(),
  tail: z.coerce.number().int().min(0).max(MAX_TAIL).default(100),
  since: Since.optional(),
  level: wordList(LOG_LEVELS).optional(),
  q: boundedText().min(1).max(200).optional(),
})

const LineView = described(() =>
  z.object({
    id: z
      .string()
      .nullable()
      .describe('The position of the line: `after`, or the id of an event of a stream.'),
    time: z.iso.datetime().describe('When it was written.'),
    level: z.enum(LOG_LEVELS).describe("The one that is nearest to the provider's own word."),
    message: z.string().describe('The line, in which values of secrets are replaced by `[secret]`.'),
    machine: z.string().describe('The id of the machine that wrote it.'),
    generation: z.int().nullable().describe('The generation that wrote it; null where that is not known.'),
    source: z
      .enum(LOG_SOURCES)
      .describe(
        "`agent`: the program. `platform`: the provider's own parts, such as the init of a Fly Machine. `proxy`: its proxy.",
      ),
  }),
)

const LogsView = described(() =>
  z
    .object({
      lines: z.array(LineView).describe('Lines, in order.'),
      next: z.string().nullable().describe('The value of `after` for the lines that follow.'),
      gap: z
        .boolean()
        .describe('Lines between `after` and these may be missing: the provider has forgotten them.'),
      kept: z
        .object({ reason: z.string(), at: z.iso.datetime() })
        .nullable()
        .describe(
          'Present when there is no machine: the lines are those that were kept when the last one ended.',
        ),
    })
    .openapi('Logs'),
)

const logsRoute = createRoute({
  method: 'get',
  path: '/workspaces/{id}/logs',
  operationId: 'readLogs',
  description: described(
    () =>
      'The newest lines (`tail`), or those after a position (`after`). The provider keeps lines for a short time. `since` is a time or an age (`15m`), `level` a list with commas, `q` a text in the message. `Accept: text/plain` returns one line of text for each. `Accept: text/event-stream` follows the log: events have the position of their line as `id`, and a client that reconnects with `Last-Event-ID` continues there. An event `problem` says why the provider gives no lines, an event `gap` that lines may be missing. Values of secrets are replaced by `[secret]`.',
  ),
  request: {
    params: IdParam,
    query: Query,
    headers: z.object({
      'last-event-id': z.string().optional(),
    }),
  },
  responses: described(() => ({
    200: {
      content: {
        'application/json': { schema: LogsView },
        'text/plain': { schema: z.string() },
        'text/event-stream': { schema: z.string() },
      },
      description: 'Lines, in order. An empty page means that nothing is new.',
    },
    400: problem('A parameter is invalid.'),
    404: problem('No such workspace.'),
    409: problem('There is no machine, and no lines were kept.'),
    503: problem('The provider did not give the log; `reason` says why (docs/reasons.md).'),
  })),
})

export function logRoutes(services: Services, authenticate: Authenticate) {
  const app = createRouter()
  app.openapi(logsRoute, async (c) => {
    const { id } = c.req.valid('param')
    const { level: levels, since, ...rest } = c.req.valid('query')
    const filter = { q: rest.q, levels, since: timeOf(since, services.now()) }
    const accept = c.req.header('accept') ?? ''
    if (/\btext\/event-stream\b/i.test(accept)) {
      const after = c.req.header('last-event-id') || rest.after
      const request = requestInfo(services.config, c)
      const query = { ...filter, tail: rest.tail, after: parseAfter(after) }
      return logStream(services, id, query, () => authenticate(request))
    }
    const page = await readLogs(withRequestBudget(services), id, {
      ...filter,
      tail: rest.tail,
      after: parseAfter(rest.after),
    })
    return /\btext\/plain\b/i.test(accept) ? plainText(c, page) : c.json(viewOf(page), 200)
  })
  return app
}

/** @throws DomainError `invalid_input` */
function parseAfter(text: string | undefined) {
  if (text === undefined || text === '') return undefined
  const cursor = decodeCursor(text)
  if (cursor === undefined) throw invalidField('after', 'is not a position in the log of this workspace')
  return cursor
}

const lineOf = ({ at, generation, level, machine, message, position, source }: LogEntry) => ({
  id: position,
  time: at.toISOString(),
  level,
  message,
  machine,
  generation,
  source,
})

function viewOf(page: LogsPage): z.infer<typeof LogsView> {
  if (page.from === 'provider')
    return { lines: page.entries.map(lineOf), next: page.next ?? null, gap: page.missed, kept: null }
  const { at, generation, lines, machineId: machine, reason } = page.kept
  return {
    lines: lines.map((line) => ({
      ...line,
      level: toLogLevel(line.level),
      source: LOG_SOURCES.find((source) => source === line.source) ?? 'platform',
      id: null,
      machine,
      generation,
    })),
    next: null,
    gap: false,
    kept: { reason, at: at.toISOString() },
  }
}

type TextLine = Pick<z.infer<typeof LineView>, 'time' | 'level' | 'source' | 'message' | 'machine'>

function plainText(c: Context<AppEnv>, page: LogsPage) {
  const { kept, lines, next } = viewOf(page)
  if (kept !== null) c.header('x-log-kept', `${kept.reason}; ${kept.at}`)
  if (next !== null) c.header('x-log-next', next)
  return c.text(lines.map(textOf).join(''), 200)
}

const textOf = ({ level, machine, message, source, time }: TextLine) =>
  `${time} ${source}[${machine}] ${printable(level)} ${printable(message)}\n`

async function logStream(
  services: Services,
  id: string,
  query: FollowQuery,
  authenticate: () => unknown,
): Promise<Response> {
  const closed = new AbortController()
  const followed = await followLogs(services, id, query, closed.signal)
  async function* frames(): AsyncGenerator<string, undefined> {
    yield `${RETRY_FIELD}: listening\n\n`
    for await (const one of followed) {
      switch (one.kind) {
        case 'gap':
          yield 'event: gap\ndata: {}\n\n'
          break
        case 'problem':
          yield `event: problem\ndata: ${JSON.stringify(factsOf(one.problem))}\n\n`
          break
        case 'entries': {
          const at = one.position === undefined ? '' : `id: ${encodeCursor(one.position)}\n`
          // The last position also covers lines that the filter left out.
          yield `${one.entries.map(frameOf).join('')}: keepalive\n${at}\n`
        }
      }
    }
  }
  return eventStreamOf(services, frames(), closed, authenticate)
}

/** A line that many clients receive is encoded once. */
const encoded = new WeakMap<LogEntry, string>()

function frameOf(entry: LogEntry): string {
  const cached = encoded.get(entry)
  if (cached !== undefined) return cached
  const frame = `id: ${entry.position}\nevent: line\ndata: ${JSON.stringify(lineOf(entry))}\n\n`
  encoded.set(entry, frame)
  return frame
}
