// Writes a response as a web `Response`: on Workers, and where the app is called as a function.
import type { ResponseWriter } from '../../lib/a2a/response/response-writer.ts'
import type { HeaderRecord } from '../../lib/a2a/wire/headers.ts'

/** What the runtime may buffer for a client that reads slowly, in bytes. */
const HIGH_WATER_MARK = 64 * 1024

/**
 * @param extraHeaders added to every response
 * @param isHead the response has no body, whatever its headers say
 * @param disconnected aborts when the client closes its connection before the response has ended
 */
export function createWebResponseWriter(
  extraHeaders: Record<string, string>,
  disconnected: AbortSignal,
  isHead: boolean,
): { writer: ResponseWriter; response: Promise<Response> } {
  const { promise: response, resolve } = Promise.withResolvers<Response>()
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  let ended = false
  let onDisconnect: (() => void) | undefined

  function disconnect(): void {
    if (ended) return
    ended = true
    onDisconnect?.()
  }
  disconnected.addEventListener('abort', disconnect, { once: true })

  const writer: ResponseWriter = {
    begun: false,
    onDrain: undefined,
    get onDisconnect() {
      return onDisconnect
    },
    set onDisconnect(listener) {
      onDisconnect = listener
      if (disconnected.aborted) listener?.()
    },
    head(status, headers) {
      const body = new ReadableStream<Uint8Array>(
        {
          start: (started) => void (controller = started),
          pull: () => writer.onDrain?.(),
          cancel: disconnect,
        },
        { highWaterMark: HIGH_WATER_MARK, size: (chunk) => chunk?.byteLength ?? 0 },
      )
      const isEmpty = isHead || status === 204 || status === 304
      if (isEmpty) ended = true
      const sent = isEmpty ? null : withLength(body, Number(headers['content-length'] ?? Number.NaN))
      resolve(new Response(sent, { status, headers: toHeaders({ ...headers, ...extraHeaders }) }))
      Object.assign(writer, { begun: true })
    },
    write(chunk) {
      if (ended || controller === undefined) return true
      controller.enqueue(chunk)
      return (controller.desiredSize ?? 1) > 0
    },
    end(last) {
      if (ended) return
      if (last !== undefined) controller?.enqueue(last)
      ended = true
      controller?.close()
    },
    destroy() {
      if (ended) return
      ended = true
      controller?.error(new TypeError('the agent ended its response early'))
    },
  }
  return { writer, response }
}

type LengthStream = new (length: number) => TransformStream<Uint8Array, Uint8Array>

/**
 * Workers send `Content-Length` only for a FixedLengthStream, and a client recognises a truncated body by nothing
 * else.
 */
export function withLength(body: ReadableStream<Uint8Array>, length: number): ReadableStream<Uint8Array> {
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
