// Reads a response of server-sent events with the `eventsource-parser` package, which is independent of our code.
import { createParser } from 'eventsource-parser'

export type ReceivedEvent = { id: string; type: string; data: Record<string, unknown> }

export type EventStream = Awaited<ReturnType<typeof readEventStream>>

/** Collects the events of the response until it ends or is closed. @throws Error if it is no event stream */
export async function readEventStream(response: Response) {
  if (!response.headers.get('content-type')?.startsWith('text/event-stream') || response.body === null) {
    throw new Error(`not an event stream: ${response.status} ${await response.text()}`)
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  const received: ReceivedEvent[] = []
  const comments: string[] = []
  let lastEventId = ''
  let retry: number | undefined
  const parser = createParser({
    onId: (id) => (lastEventId = id),
    onEvent: ({ data, event = 'message' }) =>
      received.push({ id: lastEventId, type: event, data: JSON.parse(data) as ReceivedEvent['data'] }),
    onComment: (comment) => comments.push(comment),
    onRetry: (ms) => (retry = ms),
    onError(error) {
      throw error
    },
  })
  const ended = (async () => {
    for (let part = await reader.read(); !part.done; part = await reader.read()) parser.feed(part.value)
  })()
  ended.catch(() => {})

  return {
    received,
    comments,
    /** Resolves when the stream ends; rejects if it breaks off or is not valid. */
    ended,
    lastEventId: () => lastEventId,
    retry: () => retry,
    close: () => reader.cancel(),
  }
}
