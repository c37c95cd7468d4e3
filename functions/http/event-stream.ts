// A response of server-sent events from a generator of texts. The client's reads pull the generator, so a slow client
// occupies no memory.
import { DomainError } from '../../lib/platform/errors.ts'
import type { Services } from '../../lib/control-plane/services.ts'

/** How long a client waits before it reconnects, in milliseconds, as the field of a stream. */
export const RETRY_FIELD = 'retry: 2000\n'

/** How long a successful authentication of the client is valid. */
const AUTHENTICATED_MS = 5_000

/**
 * @param frames of one or more complete events or comments; the stream ends with the generator
 * @param closed is aborted when the client has left
 * @param authenticate throws when the caller's credential is no longer valid: the stream ends, and a reconnect gets
 *   the error
 */
export function eventStreamOf(
  services: Services,
  frames: AsyncGenerator<string, undefined>,
  closed: AbortController,
  authenticate: () => unknown,
): Response {
  const encoder = new TextEncoder()
  let authenticatedAt = services.now().getTime()

  function close(): void {
    closed.abort()
    // Ends the generator also between two frames.
    frames.return(undefined).catch(() => {})
  }

  async function next(): Promise<string | undefined> {
    const { done, value } = await frames.next()
    if (done === true) return undefined
    const now = services.now().getTime()
    // On Workers a stream ends soon, and each check may cost a subrequest.
    if (services.eventTail !== undefined && now - authenticatedAt >= AUTHENTICATED_MS) {
      await authenticate()
      authenticatedAt = now
    }
    return value
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
