// Events as server-sent events. The client's reads pull the log, so a slow client falls behind in the log and
// occupies no memory.
import { followEvents, type FollowQuery } from '../../../lib/events/follow-events.ts'
import type { StoredEvent } from '../../../lib/events/read-events.ts'
import { toEventView } from '../../../lib/events/event-view.ts'
import type { Services } from '../../../lib/control-plane/services.ts'
import { eventStreamOf, RETRY_FIELD } from '../../http/event-stream.ts'

/**
 * The stream first sends `query.after` as its id, so that a client reconnects there even if no event follows.
 * @param authenticate throws when the caller's credential is no longer valid
 */
export function eventStream(services: Services, query: FollowQuery, authenticate: () => unknown): Response {
  const closed = new AbortController()
  return eventStreamOf(services, framesOf(services, query, closed.signal), closed, authenticate)
}

async function* framesOf(
  services: Services,
  query: FollowQuery,
  closed: AbortSignal,
): AsyncGenerator<string, undefined> {
  yield `${RETRY_FIELD}id: ${query.after}\n: listening\n\n`
  for await (const page of followEvents(services, query, closed)) {
    yield page.events.length === 0 ? `: keepalive\nid: ${page.next}\n\n` : page.events.map(frameOf).join('')
  }
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
