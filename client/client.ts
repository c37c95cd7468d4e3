// The client of this API for programs: every operation with its types, pages and streams as async iterators, and the
// A2A client of a workspace. It needs web standards only: browsers, Workers, Deno, Bun and Node run it.
import createFetchClient, { type Client as FetchClient } from 'openapi-fetch'
import type { components, paths } from './api.d.ts'
import { problemOf } from './problem.ts'
import { createRetryingFetch } from './retrying-fetch.ts'
import { followServerSentEvents } from './server-sent-events.ts'

export { ApiProblem, type ProblemDocument } from './problem.ts'
export type { components, paths } from './api.d.ts'

export type Workspace = components['schemas']['Workspace']
export type Event = components['schemas']['Event']
export type Disk = components['schemas']['Disk']
export type Rollout = components['schemas']['Rollout']
export type CreateWorkspace = paths['/workspaces']['post']['requestBody']['content']['application/json']

export type ClientOptions = {
  /** The address of the server, such as `https://agents.example.com`. */
  url: string
  /** ADMIN_TOKEN or an API token. None for an open server on loopback. */
  token?: string | undefined
  /** Replaces the global fetch. */
  fetch?: typeof globalThis.fetch
  /** Further attempts of requests that may be repeated; 3 by default. */
  retries?: number
}

/** Filters, order and pages of the list of workspaces. */
export type WorkspaceQuery = NonNullable<paths['/workspaces']['get']['parameters']['query']>

/** Filters and pages of the list of rollouts. */
export type RolloutQuery = NonNullable<paths['/rollouts']['get']['parameters']['query']>

/** Filters and pages of the list of disks. */
export type DiskQuery = NonNullable<paths['/disks']['get']['parameters']['query']>

export type LogPage = components['schemas']['Logs']
export type LogLine = LogPage['lines'][number]

export type LogQuery = { tail?: number; since?: string; level?: LogLine['level'][]; q?: string }

export type EventType = Event['type']

export type EventFilter = {
  /** The number after which events begin. */
  after?: number | undefined
  /** All types by default. */
  types?: readonly EventType[] | undefined
  /** All workspaces by default. */
  workspaceId?: string | undefined
  /** The newest events, at most 1,000, in place of those after `after`. */
  tail?: number | undefined
  /** A time, or an age such as `15m`. */
  since?: string | undefined
  /** A time: only events before it. */
  until?: string | undefined
  /** Only events of workspaces with all of these labels, as `key=value`; not together with `workspaceId`. */
  labels?: readonly string[] | undefined
}

/** The largest page of events. */
const EVENTS_PER_PAGE = 1000

/** The longest wait of one request with `Prefer: wait`, in seconds. */
const LONGEST_WAIT_SECONDS = 60

export type Client = ReturnType<typeof createClient>

/** A client of one server. Every failed request throws {@link ApiProblem}. */
export function createClient({ fetch = globalThis.fetch, retries = 3, token, url }: ClientOptions) {
  const baseUrl = url.replace(/\/$/, '')
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const send = createRetryingFetch((input, init) => fetch(input, init), { retries, sleep })
  const api: FetchClient<paths> = createFetchClient<paths>({ baseUrl, headers, fetch: send })
  api.use({
    async onResponse({ response }) {
      if (!response.ok) throw await problemOf(response)
    },
  })

  const fileUrl = (id: string, path: string) =>
    `${baseUrl}/workspaces/${id}/files/content?${new URLSearchParams({ path })}`

  return {
    /** Every operation by its method and path. A failure throws {@link ApiProblem}. */
    api,

    /** Creates a workspace. A repetition after a lost answer creates no second one. */
    async createWorkspace(
      input: CreateWorkspace,
      idempotencyKey: string = crypto.randomUUID(),
    ): Promise<Workspace> {
      const { data } = await api.POST('/workspaces', {
        body: input,
        params: { header: { 'Idempotency-Key': idempotencyKey } },
      })
      return present(data)
    },

    async getWorkspace(id: string): Promise<Workspace> {
      const { data } = await api.GET('/workspaces/{id}', { params: { path: { id } } })
      return present(data)
    },

    /** All workspaces, page by page. */
    listWorkspaces: (query: WorkspaceQuery = {}): AsyncGenerator<Workspace> =>
      pages(query.cursor, (page) => api.GET('/workspaces', { params: { query: { ...query, ...page } } })),

    /** All disks, page by page. */
    listDisks: (query: DiskQuery = {}): AsyncGenerator<Disk> =>
      pages(query.cursor, (page) => api.GET('/disks', { params: { query: { ...query, ...page } } })),

    /** All rollouts, page by page, the newest first. */
    listRollouts: (query: RolloutQuery = {}): AsyncGenerator<Rollout> =>
      pages(query.cursor, async (page) => {
        const { data, response } = await api.GET('/rollouts', { params: { query: { ...query, ...page } } })
        return { data: present(data).rollouts, response }
      }),

    /**
     * Waits until the status of a workspace is neither `provisioning` nor `offline`.
     * @param seconds the longest wait; 600 by default
     * @returns the workspace as it is then, also when the time is over
     */
    async waitForWorkspace(id: string, seconds = 600): Promise<Workspace> {
      const deadline = Date.now() + seconds * 1000
      while (true) {
        const left = Math.max(0, Math.ceil((deadline - Date.now()) / 1000))
        const { data } = await api.GET('/workspaces/{id}', {
          params: {
            path: { id },
            header: { Prefer: `wait=${Math.min(left, LONGEST_WAIT_SECONDS)}` },
          },
        })
        const workspace = present(data)
        if (!['provisioning', 'offline'].includes(workspace.status) || left === 0) return workspace
      }
    },

    /** Stored events, page by page, from the oldest one that is kept or those after `after`. */
    async *listEvents(filter: EventFilter = {}): AsyncGenerator<Event> {
      let { after } = filter
      while (true) {
        const query = eventQuery({ ...filter, after })
        const response = await send(new Request(`${baseUrl}${eventPath(filter)}?${query}`, { headers }))
        if (!response.ok) throw await problemOf(response)
        const { events, next } = (await response.json()) as { events: Event[]; next: number }
        yield* events
        if (filter.tail !== undefined || events.length < EVENTS_PER_PAGE) return
        after = next
      }
    },

    /** Events as they happen, or the newest ones or those after `after` first. A lost connection is continued without a gap. */
    async *followEvents({
      signal,
      ...filter
    }: EventFilter & { signal?: AbortSignal } = {}): AsyncGenerator<Event> {
      const frames = followServerSentEvents({
        fetch: send,
        url: `${baseUrl}${eventPath(filter)}?${eventQuery(filter)}`,
        headers,
        signal,
        sleep,
      })
      for await (const { data } of frames) yield JSON.parse(data) as Event
    },

    /** Lines of a log as they come. A lost connection is continued. @throws ApiProblem when the provider gives none */
    async *followLogs(
      id: string,
      { level, q, signal, since, tail }: LogQuery & { signal?: AbortSignal } = {},
    ): AsyncGenerator<LogLine> {
      const query = new URLSearchParams()
      if (tail !== undefined) query.set('tail', String(tail))
      if (since !== undefined) query.set('since', since)
      if (q !== undefined) query.set('q', q)
      if (level !== undefined) query.set('level', level.join(','))
      const url = `${baseUrl}/workspaces/${id}/logs?${query}`
      for await (const { data, event } of followServerSentEvents({
        fetch: send,
        url,
        headers,
        signal,
        sleep,
      })) {
        if (event === undefined || event === 'message' || event === 'line') yield JSON.parse(data) as LogLine
      }
    },

    /** A file of the machine, as a response with its body. `path` is absolute. */
    async readFile(id: string, path: string): Promise<Response> {
      const response = await send(new Request(fileUrl(id, path), { headers }))
      if (!response.ok) throw await problemOf(response)
      return response
    },

    /** Writes a file into the machine: under its name it is whole or not there. */
    async writeFile(id: string, path: string, body: ReadableStream<Uint8Array>): Promise<void> {
      const response = await fetch(
        new Request(fileUrl(id, path), {
          method: 'PUT',
          headers: { ...headers, 'content-type': 'application/octet-stream' },
          body,
          duplex: 'half',
        } as RequestInit),
      )
      if (!response.ok) throw await problemOf(response)
    },

    /** What an A2A client needs to reach the agent of a workspace: its address, and a fetch with the credential. */
    agent(id: string) {
      return {
        url: `${baseUrl}/workspaces/${id}/a2a`,
        fetch: ((input, init) => {
          const request = new Request(input, init)
          for (const [name, value] of Object.entries(headers)) request.headers.set(name, value)
          return fetch(request)
        }) satisfies typeof globalThis.fetch,
      }
    },
  }
}

const eventPath = ({ workspaceId }: EventFilter) =>
  workspaceId === undefined ? '/events' : `/workspaces/${workspaceId}/events`

function eventQuery({ after, labels = [], since, tail, types = [], until }: EventFilter): URLSearchParams {
  const query = new URLSearchParams({ limit: String(EVENTS_PER_PAGE) })
  if (types.length > 0) query.set('types', types.join(','))
  if (after !== undefined) query.set('after', String(after))
  if (since !== undefined) query.set('since', since)
  if (tail !== undefined) query.set('tail', String(tail))
  if (until !== undefined) query.set('until', until)
  for (const label of labels) query.append('label', label)
  return query
}

/** A successful response of these operations always has a body. */
function present<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new TypeError('the server answered without a body')
  return value
}

/** The rows of all pages, which the `Link` headers connect. */
async function* pages<Row>(
  first: string | undefined,
  read: (page: { cursor?: string }) => Promise<{ data?: Row[]; response: Response }>,
): AsyncGenerator<Row> {
  let cursor = first
  do {
    const { data, response } = await read(cursor === undefined ? {} : { cursor })
    yield* present(data)
    cursor = nextCursor(response)
  } while (cursor !== undefined)
}

/** @returns the cursor of the page that follows a response; undefined for the last page */
export function nextCursor(response: Response): string | undefined {
  const next = /<([^<>]+)>;\s*rel="next"/.exec(response.headers.get('link') ?? '')?.[1]
  return next === undefined ? undefined : (new URL(next).searchParams.get('cursor') ?? undefined)
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
