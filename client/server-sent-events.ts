// A stream of server-sent events as an async iterator that reconnects: after a lost connection it continues behind the
// last event that it has yielded.
import { EventSourceParserStream } from 'eventsource-parser/stream'
import { ApiProblem, problemOf } from './problem.ts'

export type ServerSentEvent = { id: string | undefined; event: string | undefined; data: string }

export type FollowOptions = {
  fetch: (request: Request) => Promise<Response>
  url: string
  headers: HeadersInit
  /** The id after which the stream begins. */
  lastEventId?: string | undefined
  signal?: AbortSignal | undefined
  sleep: (ms: number) => Promise<void>
}

const RECONNECT_MS = 1_000

/** @throws ApiProblem when the server refuses the stream */
export async function* followServerSentEvents(options: FollowOptions): AsyncGenerator<ServerSentEvent> {
  const { fetch, headers, signal, sleep, url } = options
  let { lastEventId } = options
  const isAborted = () => signal?.aborted === true
  while (!isAborted()) {
    const request = new Request(url, {
      headers: {
        ...Object.fromEntries(new Headers(headers)),
        accept: 'text/event-stream',
        ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
      },
      signal: signal ?? null,
    })
    try {
      const response = await fetch(request)
      if (!response.ok) throw await problemOf(response)
      for await (const { data, event, id } of eventsOf(response)) {
        if (id !== undefined) lastEventId = id
        if (data !== '') yield { id, event, data }
      }
    } catch (error) {
      if (isAborted()) return
      if (error instanceof ApiProblem && error.status !== 0) throw error
    }
    await sleep(RECONNECT_MS)
  }
}

async function* eventsOf(response: Response) {
  if (response.body === null) return
  const events = response.body
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(withPositions())
    .pipeThrough(new EventSourceParserStream())
  const reader = events.getReader()
  try {
    while (true) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

/**
 * Gives empty data to messages that have an id and no data, with which a server tells its position while nothing happens. The
 * parser drops messages without data, and a reconnect would then begin behind events that were never seen.
 */
function withPositions(): TransformStream<string, string> {
  let rest = ''
  return new TransformStream({
    transform(chunk, controller) {
      const messages = `${rest}${chunk}`.split('\n\n')
      rest = messages.pop() ?? ''
      for (const message of messages) {
        const isPosition = /^id:/m.test(message) && !/^data:/m.test(message)
        controller.enqueue(`${message}${isPosition ? '\ndata:' : ''}\n\n`)
      }
    },
  })
}
