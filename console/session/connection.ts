// Whether what the page shows is current. The stream of events decides: it is open and was heard of lately, or what is shown is
// old and says so.
import { signal } from '@preact/signals'

export type Connection =
  | { state: 'connecting' }
  | { state: 'live' }
  /** Nothing is known since that time, in milliseconds. */
  | { state: 'lost'; since: number }

export const connection = signal<Connection>({ state: 'connecting' })

/** The server sends its position every 15 seconds, so a stream that is silent for longer than this is dead. */
const SILENCE_MS = 40_000

export function reportLost(now: number): void {
  if (connection.value.state !== 'lost') connection.value = { state: 'lost', since: now }
}

/**
 * A fetch that notices what becomes of the event stream. A stream that is silent for too long is ended with an error, so that its
 * reader opens another one.
 * @param onUnauthorized is called with the server's words when it refuses the token
 */
export function createObservedFetch(onUnauthorized: (response: Response) => void): typeof fetch {
  return async (input, init) => {
    const request = new Request(input, init)
    const isStream = isEventStream(request)
    try {
      const response = await fetch(request)
      if (response.status === 401) onUnauthorized(response.clone())
      if (!isStream) return response
      if (!response.ok || response.body === null) {
        reportLost(Date.now())
        return response
      }
      connection.value = { state: 'live' }
      return new Response(response.body.pipeThrough(watch(request.signal)), response)
    } catch (error) {
      if (isStream && !request.signal.aborted) reportLost(Date.now())
      throw error
    }
  }
}

const isEventStream = ({ headers, url }: Request) =>
  new URL(url).pathname === '/events' && headers.get('accept') === 'text/event-stream'

function watch(closed: AbortSignal): TransformStream<Uint8Array, Uint8Array> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const end = () => {
    clearTimeout(timer)
    if (!closed.aborted) reportLost(Date.now())
  }
  const listen = (controller: TransformStreamDefaultController<Uint8Array>) => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      end()
      controller.error(new Error('the event stream is silent'))
    }, SILENCE_MS)
  }
  return new TransformStream({
    start: listen,
    transform(chunk, controller) {
      listen(controller)
      controller.enqueue(chunk)
    },
    flush: end,
  })
}
