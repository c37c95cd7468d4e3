// Events as server-sent events. The client's reads pull the log, so a slow client falls behind in the log and
// occupies no memory.
import { DomainError } from '../../../lib/platform/errors.ts'
import { followEvents } from '../../../lib/events/follow-events.ts'
import type { EventsQuery, StoredEvent } from '../../../lib/events/read-events.ts'
import { toEventView } from '../../../lib/events/event-view.ts'
import type { Services } from '../../../lib/control-plane/services.ts'

/** How long a client waits before it reconnects. */
const RETRY_MS = 2_000

/** How long a successful authentication of the client is valid. */
const AUTHENTICATED_MS = 5_000

/**
 * The stream first sends `query.after` as its id, so that a client reconnects there even if no event follows.
 * @param authenticate throws when the caller's credential is no longer valid: the stream ends, and a reconnect gets
 *   the error
 */
export function eventStream(
  services: Services,
  query: Omit<EventsQuery, 'limit'>,
  authenticate: () => unknown,
): Response {
  const closed = new AbortController()
  const pages = followEvents(services, query, closed.signal)
  const encoder = new TextEncoder()
  let authenticatedAt = services.now().getTime()
  let begun = false

  function close(): void {
    closed.abort()
    // Ends the generator also between two pages.
    pages.return(undefined).catch(() => {})
  }

  async function next(): Promise<string | undefined> {
    if (!begun) {
      begun = true
      return `retry: ${RETRY_MS}\nid: ${query.after}\n: listening\n\n`
    }
    const { done, value } = await pages.next()
    if (done === true) return undefined
    const now = services.now().getTime()
    // On Workers a stream ends soon, and each check may cost a subrequest.
    if (services.eventTail !== undefined && now - authenticatedAt >= AUTHENTICATED_MS) {
      await authenticate()
      authenticatedAt = now
    }
    return value.events.length === 0
      ? `: keepalive\nid: ${value.next}\n\n`
      : value.events.map(frameOf).join('')
  }

  let demand = Promise.withResolvers<void>()

  // Runs in the async context of the request, which statements over Hyperdrive need; a runtime calls `pull` outside of it.
  async function send(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    let text: string | undefined
    do {
      await demand.promise
      demand = Promise.withResolvers<void>()
      try {
        text = await next()
      } catch (error) {
        text = undefined
        if (!(error instanceof DomainError)) services.log('warn', 'an event stream failed', { error })
      }
      if (closed.signal.aborted) return
      if (text !== undefined) controller.enqueue(encoder.encode(text))
    } while (text !== undefined)
    controller.close()
    close()
  }

  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        void send(controller)
      },
      pull() {
        demand.resolve()
      },
      cancel() {
        close()
        demand.resolve()
      },
    },
    // The log is read only when the client reads.
    { highWaterMark: 0 },
  )
  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // Proxies that buffer responses would delay events.
      'x-accel-buffering': 'no',
    },
  })
}

/** An event that many clients receive is encoded once. */
const frames = new WeakMap<StoredEvent, string>()

function frameOf(event: StoredEvent): string {
  const cached = frames.get(event)
  if (cached !== undefined) return cached
  const frame = `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(toEventView(event))}\n\n`
  frames.set(event, frame)
  return frame
}
