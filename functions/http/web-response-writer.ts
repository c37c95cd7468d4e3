// The caller's end as a web Response: for Workers, and wherever the app is called as a function.
import type { HeaderRecord } from '../../lib/a2a/wire/headers.ts'
import type { ResponseWriter } from '../../lib/a2a/response/response-writer.ts'

/** What the runtime may hold for a caller that is slow to read, in bytes. */
const HELD = 64 * 1024

/**
 * @param own headers of ours, which every answer gets
 * @param left aborts when the caller hangs up before it has an answer
 */
export function createWebResponseWriter(
  own: Record<string, string>,
  left: AbortSignal,
): { reply: ResponseWriter; response: Promise<Response> } {
  const { promise: response, resolve } = Promise.withResolvers<Response>()
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  let over = false
  let gone: (() => void) | undefined

  function leave(): void {
    if (over) return
    over = true
    gone?.()
  }
  left.addEventListener('abort', leave, { once: true })

  const reply: ResponseWriter = {
    begun: false,
    onDrain: undefined,
    get onDisconnect() {
      return gone
    },
    set onDisconnect(listener) {
      gone = listener
      if (left.aborted) listener?.()
    },
    head(status, headers) {
      const body = new ReadableStream<Uint8Array>(
        {
          start: (started) => void (controller = started),
          pull: () => reply.onDrain?.(),
          cancel: leave,
        },
        { highWaterMark: HELD, size: (chunk) => chunk?.byteLength ?? 0 },
      )
      const isEmpty = status === 204 || status === 304
      if (isEmpty) over = true
      const sent = isEmpty ? null : ofLength(body, Number(headers['content-length'] ?? Number.NaN))
      resolve(new Response(sent, { status, headers: toHeaders({ ...headers, ...own }) }))
      Object.assign(reply, { begun: true })
    },
    write(chunk) {
      if (over || controller === undefined) return true
      controller.enqueue(chunk)
      return (controller.desiredSize ?? 1) > 0
    },
    end(last) {
      if (over) return
      if (last !== undefined) controller?.enqueue(last)
      over = true
      controller?.close()
    },
    destroy() {
      if (over) return
      over = true
      controller?.error(new TypeError('the agent broke off in the middle of its answer'))
    },
  }
  return { reply, response }
}

type LengthStream = new (length: number) => TransformStream<Uint8Array, Uint8Array>

/** Workers send a length only for a stream that knows it, and a body that is cut is told from a whole one by nothing else. */
function ofLength(body: ReadableStream<Uint8Array>, length: number): ReadableStream<Uint8Array> {
  const { FixedLengthStream } = globalThis as { FixedLengthStream?: LengthStream }
  if (FixedLengthStream === undefined || Number.isNaN(length)) return body
  return body.pipeThrough(new FixedLengthStream(length))
}

function toHeaders(record: HeaderRecord): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(record)) {
    for (const one of [value].flat()) headers.append(name, one)
  }
  return headers
}
