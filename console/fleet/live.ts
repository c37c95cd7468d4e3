// Keeps the list of workspaces current without polling: it is read once, and the event stream says which workspaces to read
// again. The status is in the event itself, so a row is right before its other members have been read.
import { ApiProblem, type Client, type Event, type Workspace } from '../../client/client.ts'
import { connection, reportLost } from '../session/connection.ts'
import { addEvent, findWorkspace, forgetAll, loaded, putWorkspace, setWorkspaces } from './store.ts'

/** Workspaces that are read at the same time. A browser has six connections to a server, and others need some. */
const MAX_READS = 3

/** How long the first list waits for the stream, so that no change falls between the two. */
const STREAM_WAIT_MS = 1_500

const RETRY_MS = 3_000

/** A page in the background closes its stream after this time: the connections of a browser to a server are few. */
const HIDDEN_MS = 60_000

/** The largest page. */
const LIMIT = 1_000

/** More rows than a page shows at once. */
const FIRST_LIMIT = 100

/** Follows the fleet until the function that is returned is called. */
export function followFleet(client: Client): () => void {
  const over = new AbortController()
  const reads = createReads(client, over.signal)
  let after: number | undefined

  async function follow(hidden: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([hidden, over.signal])
    // A first stream, or one that is too old to continue, needs the list.
    let needsList = after === undefined
    while (!signal.aborted) {
      if (needsList) void readList()
      needsList = false
      try {
        for await (const event of client.followEvents({ after, signal })) {
          after = event.seq
          apply(event)
        }
        if (!signal.aborted) reportLost(Date.now())
      } catch (error) {
        if (signal.aborted || (error instanceof ApiProblem && error.status === 401)) return
        reportLost(Date.now())
        // The events after that number are no longer kept.
        if (error instanceof ApiProblem && error.status === 410) {
          after = undefined
          needsList = true
        }
      }
      await pause(RETRY_MS)
    }
  }

  /** Reads the list when the stream is open, or after a short wait without it, and then again when it is open. */
  async function readList(): Promise<void> {
    const isOpen = await untilLive(STREAM_WAIT_MS, over.signal)
    await loadList()
    if (!isOpen && (await untilLive(Number.POSITIVE_INFINITY, over.signal))) await loadList()
  }

  async function loadList(): Promise<void> {
    while (!over.signal.aborted) {
      try {
        const list: Workspace[] = []
        if (loaded.value === 'nothing' && (await loadBeginning())) return
        for await (const workspace of client.listWorkspaces({ limit: LIMIT })) list.push(workspace)
        if (!over.signal.aborted) setWorkspaces(list, 'all')
        return
      } catch (error) {
        if (error instanceof ApiProblem && error.status === 401) return
        await pause(RETRY_MS)
      }
    }
  }

  /**
   * Reads a small page and shows it, so that a long list is there before all of it has been read.
   * @returns whether that is the whole list
   */
  async function loadBeginning(): Promise<boolean> {
    const { data = [], response } = await client.api.GET('/workspaces', {
      params: { query: { limit: FIRST_LIMIT } },
    })
    const isAll = response.headers.get('link')?.includes('rel="next"') !== true
    if (!over.signal.aborted) setWorkspaces(data, isAll ? 'all' : 'beginning')
    return isAll
  }

  function apply(event: Event): void {
    addEvent(event)
    const { at, payload, workspace_id: id } = event
    if (id === null) return
    const known = findWorkspace(id)
    const status = 'status' in payload ? payload.status : undefined
    if (status === 'removed') return putWorkspace(id, undefined)
    if (known !== undefined && isStatus(status) && status !== known.status)
      putWorkspace(id, { ...known, status, status_changed_at: at, reason: null })
    reads.add(id)
  }

  const stopFollowing = whileVisible(follow)
  return () => {
    over.abort()
    stopFollowing()
    connection.value = { state: 'connecting' }
    forgetAll()
  }
}

const STATUSES = ['provisioning', 'ready', 'degraded', 'offline', 'failed', 'paused', 'hibernated'] as const

const isStatus = (value: unknown): value is Workspace['status'] =>
  (STATUSES as readonly unknown[]).includes(value)

/** Reads workspaces again, each once however often it was named meanwhile, and few at a time. */
function createReads(client: Client, signal: AbortSignal) {
  const waiting = new Set<string>()
  let running = 0

  async function work(): Promise<void> {
    running++
    try {
      for (const id of waiting) {
        waiting.delete(id)
        if (signal.aborted) return
        await read(id)
      }
    } finally {
      running--
    }
  }

  async function read(id: string): Promise<void> {
    try {
      const workspace = await client.getWorkspace(id)
      if (!signal.aborted) putWorkspace(id, workspace)
    } catch (error) {
      if (error instanceof ApiProblem && error.status === 404) putWorkspace(id, undefined)
    }
  }

  return {
    add(id: string) {
      waiting.add(id)
      if (running < MAX_READS) void work()
    },
  }
}

/** Runs a task while the page is visible or was so a minute ago. @returns a function that ends it */
function whileVisible(task: (hidden: AbortSignal) => Promise<void>): () => void {
  let running: AbortController | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  function change(): void {
    clearTimeout(timer)
    if (document.visibilityState === 'visible') {
      if (running !== undefined) return
      running = new AbortController()
      void task(running.signal)
    } else {
      timer = setTimeout(stop, HIDDEN_MS)
    }
  }

  function stop(): void {
    if (running === undefined) return
    running.abort()
    running = undefined
    reportLost(Date.now())
  }

  document.addEventListener('visibilitychange', change)
  change()
  return () => {
    document.removeEventListener('visibilitychange', change)
    clearTimeout(timer)
    running?.abort()
  }
}

/** @returns whether the stream is open; false after that time */
function untilLive(ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = ms === Number.POSITIVE_INFINITY ? undefined : setTimeout(() => end(false), ms)
    const stopListening = connection.subscribe(({ state }) => {
      if (state === 'live') queueMicrotask(() => end(true))
    })
    const abort = () => end(false)
    signal.addEventListener('abort', abort)
    function end(isLive: boolean): void {
      clearTimeout(timer)
      stopListening()
      signal.removeEventListener('abort', abort)
      resolve(isLive)
    }
  })
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))
