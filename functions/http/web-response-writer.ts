// Writes a response as a web `Response`: on Workers, and where the app is called as a function.
import type { ResponseListener, ResponseWriter } from '../../lib/a2a/response/response-writer.ts'
import { type HeaderList, toHeaders, valueIn } from '../../lib/a2a/wire/headers.ts'

/** What the runtime may buffer for a client that reads slowly, in bytes. */
const HIGH_WATER_MARK = 64 * 1024

export class WebResponseWriter implements ResponseWriter {
  /** The response, once its head has been written. */
  readonly response: Promise<Response>
  readonly #resolve: (response: Response) => void
  readonly #extraHeaders: Record<string, string>
  readonly #disconnected: AbortSignal
  readonly #isHead: boolean
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #listener: ResponseListener | undefined
  #hasBegun = false
  #hasEnded = false

  /**
   * @param extraHeaders added to every response
   * @param disconnected aborts when the client closes its connection before the response has ended
   * @param isHead the response has no body, whatever its headers say
   */
  constructor(extraHeaders: Record<string, string>, disconnected: AbortSignal, isHead: boolean) {
    const { promise, resolve } = Promise.withResolvers<Response>()
    this.response = promise
    this.#resolve = resolve
    this.#extraHeaders = extraHeaders
    this.#disconnected = disconnected
    this.#isHead = isHead
    disconnected.addEventListener('abort', () => this.#disconnect(), { once: true })
  }

  get begun(): boolean {
    return this.#hasBegun
  }

  listen(listener: ResponseListener | undefined): void {
    this.#listener = listener
    if (this.#disconnected.aborted) listener?.onDisconnect()
  }

  head(status: number, headers: HeaderList): void {
    const body = new ReadableStream<Uint8Array>(
      {
        start: (started) => void (this.#controller = started),
        pull: () => this.#listener?.onDrain(),
        cancel: () => this.#disconnect(),
      },
      { highWaterMark: HIGH_WATER_MARK, size: (chunk) => chunk?.byteLength ?? 0 },
    )
    const isEmpty = this.#isHead || status === 204 || status === 304
    if (isEmpty) this.#hasEnded = true
    const sent = isEmpty ? null : withLength(body, Number(valueIn(headers, 'content-length') ?? Number.NaN))
    this.#hasBegun = true
    const sentHeaders = toHeaders([...headers, ...Object.entries(this.#extraHeaders).flat()])
    this.#resolve(new Response(sent, { status, headers: sentHeaders }))
  }

  write(chunk: Uint8Array): boolean {
    if (this.#hasEnded || this.#controller === undefined) return true
    this.#controller.enqueue(chunk)
    return (this.#controller.desiredSize ?? 1) > 0
  }

  end(last?: Uint8Array): void {
    if (this.#hasEnded) return
    if (last !== undefined) this.#controller?.enqueue(last)
    this.#hasEnded = true
    this.#controller?.close()
  }

  destroy(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#controller?.error(new TypeError('the agent ended its response early'))
  }

  #disconnect(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#listener?.onDisconnect()
  }
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
