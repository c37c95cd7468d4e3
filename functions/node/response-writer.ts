// Writes a response to Node's ServerResponse as the agent sends it. One read of the agent's socket often holds many
// events; they are written as one chunk, because Node allocates four buffers for each.
import type { ServerResponse } from 'node:http'
import type { ResponseListener, ResponseWriter } from '../../lib/a2a/response/response-writer.ts'
import type { HeaderList } from '../../lib/a2a/wire/headers.ts'

export class NodeResponseWriter implements ResponseWriter {
  readonly #outgoing: ServerResponse
  readonly #extraHeaders: Record<string, string>
  #listener: ResponseListener | undefined
  /** Chunks of this turn of the event loop. */
  #gathered: Uint8Array[] = []
  #gatheredBytes = 0
  #isPaused = false

  /** @param extraHeaders added to every response */
  constructor(outgoing: ServerResponse, extraHeaders: Record<string, string>) {
    this.#outgoing = outgoing
    this.#extraHeaders = extraHeaders
    outgoing.on('close', () => {
      if (!outgoing.writableFinished) this.#listener?.onDisconnect()
    })
    outgoing.on('drain', () => this.#resume())
  }

  get begun(): boolean {
    return this.#outgoing.headersSent
  }

  listen(listener: ResponseListener | undefined): void {
    this.#listener = listener
    if (this.#outgoing.destroyed) listener?.onDisconnect()
  }

  head(status: number, headers: HeaderList, flush: boolean): void {
    const extra = this.#extraHeaders
    for (const name in extra) headers.push(name, extra[name] ?? '')
    this.#outgoing.writeHead(status, headers)
    if (flush) this.#outgoing.flushHeaders()
  }

  write(chunk: Uint8Array): boolean {
    const outgoing = this.#outgoing
    if (outgoing.destroyed) return true
    if (this.#gathered.length === 0) process.nextTick(flushGathered, this)
    this.#gathered.push(chunk)
    this.#gatheredBytes += chunk.length
    this.#isPaused ||= this.#gatheredBytes + outgoing.writableLength >= outgoing.writableHighWaterMark
    return !this.#isPaused
  }

  end(last?: Uint8Array): void {
    this.#flush()
    const outgoing = this.#outgoing
    if (last === undefined) outgoing.end()
    else if (last.length > MAX_TEXT_BYTES) outgoing.end(last)
    // Node joins text with the head, and writes a buffer apart from it.
    else outgoing.end(latin1Of(last), 'latin1')
  }

  destroy(): void {
    this.#flush()
    this.#outgoing.destroy()
  }

  /** Writes what this turn of the event loop has gathered. */
  flushGathered(): void {
    this.#flush()
    if (this.#isPaused && !this.#outgoing.writableNeedDrain) this.#resume()
  }

  #flush(): void {
    if (this.#gatheredBytes === 0) return
    const [first] = this.#gathered
    const bytes = this.#gathered.length === 1 ? first : Buffer.concat(this.#gathered, this.#gatheredBytes)
    this.#gathered = []
    this.#gatheredBytes = 0
    if (!this.#outgoing.destroyed) this.#outgoing.write(bytes)
  }

  #resume(): void {
    this.#isPaused = false
    this.#listener?.onDrain()
  }
}

/** The longest end of a body that is written as text, in bytes. */
const MAX_TEXT_BYTES = 8 * 1024

const latin1Of = ({ buffer, byteLength, byteOffset }: Uint8Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('latin1')

const flushGathered = (writer: NodeResponseWriter) => writer.flushGathered()
