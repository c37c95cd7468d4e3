// Writes a response to Node's ServerResponse as the agent sends it. One read of the agent's socket often holds many
// events; they are written as one chunk, because Node allocates four buffers for each. Responses that end in one turn of the event
// loop are written in a row at its end, because system calls in a row take less time than between other work.
import type { ServerResponse } from 'node:http'
import type { ResponseListener, ResponseWriter } from '../../lib/a2a/response/response-writer.ts'
import type { HeaderList } from '../../lib/a2a/wire/headers.ts'
import { latin1Of } from './latin1.ts'

export class NodeResponseWriter implements ResponseWriter {
  readonly #outgoing: ServerResponse
  readonly #extraHeaders: Record<string, string>
  #listener: ResponseListener | undefined
  /** Chunks of this turn of the event loop. */
  #gathered: Uint8Array[] = []
  #gatheredBytes = 0
  /** The response ends with them. */
  #isEnding = false
  #isPaused = false
  #awaitsDrain = false

  /** @param extraHeaders added to every response */
  constructor(outgoing: ServerResponse, extraHeaders: Record<string, string>) {
    this.#outgoing = outgoing
    this.#extraHeaders = extraHeaders
    outgoing.on('close', () => {
      if (!outgoing.writableFinished) this.#listener?.onDisconnect()
    })
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
    if (this.#gathered.length === 0) process.nextTick(writeGathered, this)
    this.#gather(chunk)
    this.#isPaused ||= this.#gatheredBytes + outgoing.writableLength >= outgoing.writableHighWaterMark
    return !this.#isPaused
  }

  end(last?: Uint8Array): void {
    if (last !== undefined) this.#gather(last)
    this.#isEnding = true
    if (ending.length === 0) setImmediate(writeEnding)
    ending.push(this)
  }

  destroy(): void {
    this.#flush()
    this.#outgoing.destroy()
  }

  /** Writes what this turn of the event loop has gathered. */
  writeGathered(): void {
    this.#flush()
    if (!this.#isPaused || this.#awaitsDrain) return
    if (!this.#outgoing.writableNeedDrain) return this.#resume()
    this.#awaitsDrain = true
    this.#outgoing.once('drain', () => {
      this.#awaitsDrain = false
      this.#resume()
    })
  }

  #gather(chunk: Uint8Array): void {
    this.#gathered.push(chunk)
    this.#gatheredBytes += chunk.length
  }

  #flush(): void {
    const [first] = this.#gathered
    const bytes = this.#gathered.length > 1 ? Buffer.concat(this.#gathered, this.#gatheredBytes) : first
    const isEnding = this.#isEnding
    this.#gathered = []
    this.#gatheredBytes = 0
    this.#isEnding = false
    const outgoing = this.#outgoing
    if (outgoing.destroyed) return
    if (!isEnding) {
      if (bytes !== undefined) outgoing.write(bytes)
    } else if (bytes === undefined) outgoing.end()
    else if (bytes.length > MAX_TEXT_BYTES) outgoing.end(bytes)
    // Node joins text with the head, and writes a buffer apart from it.
    else outgoing.end(latin1Of(bytes), 'latin1')
  }

  #resume(): void {
    this.#isPaused = false
    this.#listener?.onDrain()
  }
}

/** Writers whose responses end in this turn of the event loop. */
let ending: NodeResponseWriter[] = []

function writeEnding(): void {
  const writers = ending
  ending = []
  for (const writer of writers) writer.writeGathered()
}

const writeGathered = (writer: NodeResponseWriter) => writer.writeGathered()

/** The longest end of a body that is written as text, in bytes. */
const MAX_TEXT_BYTES = 8 * 1024
