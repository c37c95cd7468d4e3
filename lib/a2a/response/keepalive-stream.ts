// An event stream that starts before its agent is reachable: SSE comments while the workspace wakes up, so that no
// intermediary closes the connection, then the agent's answer. The agent's status is lost by this, so it is done only
// for callers that asked for a stream (docs/facts/a2a.md §3.10).
import { type HeaderList, valueIn } from '../wire/headers.ts'
import { type ResponseListener, type ResponseWriter, toBytes } from './response-writer.ts'

/** Time between two comments, in milliseconds. */
const COMMENT_INTERVAL_MS = 10_000

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

/** An event stream passes through it; any other answer is wrapped into one event. */
export class KeepaliveStream implements ResponseWriter, ResponseListener {
  /** The head of the answer is not written yet. */
  readonly begun = false
  readonly #reply: ResponseWriter
  readonly #comments: ReturnType<typeof setInterval>
  #listener: ResponseListener | undefined
  /** Parts of an answer that is not an event stream. */
  #parts: string[] | undefined
  readonly #decoder = new TextDecoder()

  /** Starts the stream on the caller's response. */
  constructor(reply: ResponseWriter) {
    this.#reply = reply
    reply.head(200, Object.entries(HEADERS).flat(), true)
    const comment = () => void reply.write(toBytes(': waiting for the workspace\n\n'))
    comment()
    this.#comments = setInterval(comment, COMMENT_INTERVAL_MS)
  }

  head(_status: number, answered: HeaderList): void {
    this.#stopComments()
    const type = valueIn(answered, 'content-type') ?? ''
    if (!type.toLowerCase().startsWith('text/event-stream')) this.#parts = []
  }

  write(chunk: Uint8Array): boolean {
    this.#stopComments()
    if (this.#parts === undefined) return this.#reply.write(chunk)
    this.#parts.push(this.#decoder.decode(chunk, { stream: true }))
    return true
  }

  end(last?: Uint8Array): void {
    this.#stopComments()
    const parts = this.#parts
    if (parts === undefined) return this.#reply.end(last)
    if (last !== undefined) parts.push(this.#decoder.decode(last, { stream: true }))
    const lines = parts.join('').split(/\r\n|\r|\n/)
    this.#reply.end(toBytes(`${lines.map((line) => `data: ${line}\n`).join('')}\n`))
  }

  destroy(): void {
    this.#stopComments()
    this.#reply.destroy()
  }

  listen(listener: ResponseListener | undefined): void {
    this.#listener = listener
    this.#reply.listen(listener === undefined ? undefined : this)
  }

  onDrain(): void {
    this.#listener?.onDrain()
  }

  onDisconnect(): void {
    this.#stopComments()
    this.#listener?.onDisconnect()
  }

  #stopComments(): void {
    clearInterval(this.#comments)
  }
}
