// Events as server-sent events. A stream is pulled: it holds no more than what its client has not taken yet, and whoever is
// slow is behind in the log, not in our memory.
import { DomainError } from '../../../lib/platform/errors.ts'
import { followEvents } from '../../../lib/events/follow-events.ts'
import type { EventsQuery, StoredEvent } from '../../../lib/events/read-events.ts'
import { toEventView } from '../../../lib/events/event-view.ts'
import type { Services } from '../../../lib/control-plane/services.ts'

/** When a client comes back after a stream has ended. */
const RETRY_MS = 2_000

/** How long it is taken for granted that a listener may still listen. */
const TRUSTED_MS = 5_000

/**
 * @param after what the client has had; it is told at once, so that it comes back to the same place even if nothing happens
 * @param prove throws when the caller is no longer let in: then the stream ends, and coming back tells why
 */
export function eventStream(
  services: Services,
  query: Omit<EventsQuery, 'limit'>,
  prove: () => unknown,
): Response {
  const left = new AbortController()
  const pages = followEvents(services, query, left.signal)
  const encoder = new TextEncoder()
  let proven = services.now().getTime()
  let begun = false

  function leave(): void {
    left.abort()
    // Also where it rests between two pages, and nobody would ask for the next one.
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
    // A Worker's streams end soon, and each of these may be a subrequest.
    if (services.eventTail !== undefined && now - proven >= TRUSTED_MS) {
      await prove()
      proven = now
    }
    return value.events.length === 0
      ? `: still here\nid: ${value.next}\n\n`
      : value.events.map(frameOf).join('')
  }

  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        let text: string | undefined
        try {
          text = await next()
        } catch (error) {
          if (!(error instanceof DomainError)) services.log('warn', 'a stream of events broke', { error })
        }
        if (text !== undefined) return controller.enqueue(encoder.encode(text))
        controller.close()
        leave()
      },
      cancel: leave,
    },
    // Nothing is read from the log before somebody reads here.
    { highWaterMark: 0 },
  )
  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      // Proxies that gather answers would hold events back.
      'x-accel-buffering': 'no',
    },
  })
}

/** What many listeners are told is written once. */
const frames = new WeakMap<StoredEvent, string>()

function frameOf(event: StoredEvent): string {
  const known = frames.get(event)
  if (known !== undefined) return known
  const frame = `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(toEventView(event))}\n\n`
  frames.set(event, frame)
  return frame
}
