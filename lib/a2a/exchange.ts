// Sends one request to one machine and passes its answer on as it comes, without reading it. The proxy's own errors
// are written only where the agent gave no answer or its answer broke off.
import { MAX_REDIRECTS, redirectPath } from '../egress/redirect.ts'
import { concatBytes } from '../platform/encoding.ts'
import { errorOfAnswer, errorOfFailure, isAgentAnswer } from './errors/classify-answer.ts'
import { ProxyError } from './errors/proxy-error.ts'
import type { ExchangeObserver } from './exchange-observer.ts'
import { type A2aRequest, errorEncoderOf } from './request.ts'
import { decodeAnswer } from './response/collect-response.ts'
import { type ResponseListener, type ResponseWriter, toBytes } from './response/response-writer.ts'
import type {
  AgentRequest,
  Receiver,
  RequestControl,
  Transport,
  TransportFailure,
} from './transport/transport.ts'
import { EventBoundary } from './wire/event-boundary.ts'
import {
  type HeaderList,
  responseHeaders,
  safeContentType,
  valueIn,
  withoutBodyFacts,
} from './wire/headers.ts'

export type ExchangeInput = {
  transport: Transport
  reply: ResponseWriter
  /** What the caller asked: errors are written as its answers. */
  asked: Pick<A2aRequest, 'tail' | 'envelope'>
  /**
   * Changes the whole body of an answer that contains addresses. Applied to JSON of at most {@link
   * MAX_REWRITTEN_BYTES}.
   */
  rewrite?: ((body: string) => string) | undefined
  /** An empty answer with a success status is an answer: the request expects none. */
  mayBeEmpty?: boolean
  observer?: ExchangeObserver | undefined
  /** Longest silence between two events of a stream before a comment is sent, in milliseconds; 0 for never. */
  keepaliveMs?: number
}

/**
 * - `answered`: the agent answered, and the caller has the answer
 * - `broken`: the answer broke off, and the caller has been informed
 * - `failed`: there is no answer, and nothing has been written to the caller
 * - `gone`: the caller disconnected
 * - `stored`: the agent fetches its messages itself, and the caller has an answer
 */
export type ExchangeOutcome =
  | { kind: 'answered'; status: number }
  | { kind: 'broken' | 'failed'; error: ProxyError }
  | { kind: 'gone' }
  | { kind: 'stored' }

const KEEPALIVE = toBytes(': keep-alive\n\n')

const emptyAnswer = () =>
  new ProxyError('INVALID_AGENT_RESPONSE', 'the agent answered HTTP 200 with an empty body', {
    delivered: 'yes',
    facts: { agent_status: '200' },
  })

/** Largest answer that is held back to be rewritten, in bytes. */
const MAX_REWRITTEN_BYTES = 1024 * 1024

/** Resolves when the answer has been passed on, or why it was not. Never rejects because of the agent. */
export function exchange(request: AgentRequest, input: ExchangeInput): Promise<ExchangeOutcome> {
  return new Promise((resolve) => new AnswerRelay(input, resolve).send(request))
}

const NO_HEADERS: HeaderList = []

/** Passes the events of a transport to a response writer. */
class AnswerRelay implements ResponseListener, Receiver {
  readonly #input: ExchangeInput
  /** The last one that was sent: the caller's, or the one to which a redirect led. An open stream would keep it. */
  #request: AgentRequest | undefined
  readonly #resolve: (outcome: ExchangeOutcome) => void
  #control: RequestControl | undefined
  #isOver = false
  #status = 0
  #headers = NO_HEADERS
  #connection: string | undefined
  /** Nothing is passed on before it is known whether this is an answer and whether it must be rewritten. */
  #state: 'waiting' | 'sniffing' | 'collecting' | 'passing' = 'waiting'
  #isStream = false
  /** Bytes of a body of known length that have not arrived. */
  #remaining = Number.NaN
  readonly #collected: Uint8Array[] = []
  #collectedBytes = 0
  #boundary = new EventBoundary()
  #keepalive: ReturnType<typeof setTimeout> | undefined
  #redirects = 0

  constructor(input: ExchangeInput, resolve: (outcome: ExchangeOutcome) => void) {
    this.#input = input
    this.#resolve = resolve
  }

  send(request: AgentRequest): void {
    this.#input.reply.listen(this)
    try {
      if (!this.#isOver) this.#send(request)
    } catch (error) {
      this.#end()
      throw error
    }
  }

  onDrain(): void {
    this.#control?.resume()
  }

  onDisconnect(): void {
    if (this.#isOver) return
    // Only the upstream request ends; the task that it started continues (docs/facts/a2a.md §3.6).
    this.#control?.abort()
    this.#finish({ kind: 'gone' })
  }

  #send(request: AgentRequest): void {
    this.#request = request
    this.#control = this.#input.transport(request, this)
    if (this.#isOver) this.#control.abort()
  }

  #finish(outcome: ExchangeOutcome): void {
    this.#end()
    this.#resolve(outcome)
  }

  #end(): void {
    clearTimeout(this.#keepalive)
    this.#isOver = true
    this.#input.reply.listen(undefined)
    this.#input.observer?.end()
  }

  head(status: number, headers: HeaderList, connection: string | undefined): void {
    const request = this.#request
    if (this.#isOver || request === undefined) return
    const isRedirect = status >= 300 && status < 400
    const path = isRedirect ? redirectPath(request, status, valueIn(headers, 'location')) : undefined
    if (path !== undefined && ++this.#redirects <= MAX_REDIRECTS) {
      this.#control?.abort()
      return this.#send({ ...request, path })
    }
    let type: string | undefined
    for (let at = 0; at < headers.length; at += 2) {
      const value = headers[at + 1] ?? ''
      if (headers[at] === 'content-type') type = value.toLowerCase()
      else if (headers[at] === 'content-length') this.#remaining = Number(value)
    }
    this.#status = status
    this.#headers = headers
    this.#connection = connection
    this.#isStream = type?.startsWith('text/event-stream') === true
    const { mayBeEmpty = false } = this.#input
    const isAnswer = isAgentAnswer(status, type)
    const isUntyped = type === undefined || (mayBeEmpty && !isAnswer)
    if (status < 300 && (request.method === 'HEAD' || (mayBeEmpty && this.#remaining === 0)))
      this.#writeHead()
    else if (status === 200 && this.#remaining === 0) this.#reject(emptyAnswer())
    else if (status < 300 && status !== 204 && isUntyped) this.#state = 'sniffing'
    else if (!isAnswer) this.#reject(errorOfAnswer(status))
    else if (this.#input.rewrite !== undefined && !this.#isStream) this.#state = 'collecting'
    else this.#writeHead()
  }

  /** @param type for an answer without a content type of its own */
  #writeHead(type?: string): void {
    const headers = responseHeaders(this.#headers, this.#connection, this.#isStream, type)
    const isEncoded = valueIn(headers, 'content-encoding') !== undefined
    this.#state = 'passing'
    this.#headers = NO_HEADERS
    this.#request = undefined
    const { observer, reply, rewrite } = this.#input
    observer?.begin(this.#isStream, this.#control?.holdsBody ?? true)
    reply.head(this.#status, rewrite === undefined ? headers : withoutBodyFacts(headers), this.#isStream)
    // A writer may refuse an answer that announces too much.
    if (!this.#isOver && this.#isStream && !isEncoded) this.#restartKeepalive()
  }

  // Intermediaries close a stream that is silent for a minute. A comment is no event, so clients ignore it.
  #restartKeepalive(): void {
    const { keepaliveMs = 0, reply } = this.#input
    if (keepaliveMs === 0) return
    clearTimeout(this.#keepalive)
    this.#keepalive = setTimeout(() => {
      if (!this.#boundary.isInsideEvent && !reply.write(KEEPALIVE)) this.#control?.pause()
      this.#restartKeepalive()
    }, keepaliveMs)
  }

  data(chunk: Uint8Array): void {
    if (this.#isOver || chunk.length === 0) return
    this.#input.observer?.touch()
    if (this.#state === 'sniffing') {
      const isJson = this.#looksLikeJson(chunk)
      if (!isJson && this.#status !== 202) return this.#reject(errorOfAnswer(this.#status))
      this.#writeHead(isJson ? 'application/json' : safeContentType(undefined))
    }
    if (this.#state === 'collecting') this.#collect(chunk)
    else this.#pass(chunk)
  }

  #pass(chunk: Uint8Array): void {
    const { reply } = this.#input
    this.#remaining -= chunk.length
    if (this.#remaining === 0) {
      // Most answers are one chunk: it is written together with the head and the end.
      reply.end(chunk)
      this.#finish({ kind: 'answered', status: this.#status })
      return
    }
    if (this.#isStream) this.#boundary.append(chunk)
    if (this.#keepalive !== undefined) this.#restartKeepalive()
    if (!reply.write(chunk)) this.#control?.pause()
  }

  /** An answer without a type counts as JSON if it begins like JSON (docs/facts/a2a.md §3.9). */
  #looksLikeJson(chunk: Uint8Array): boolean {
    const first = chunk.find((byte) => byte > 0x20)
    return first === 0x7b || first === 0x5b
  }

  #collect(chunk: Uint8Array): void {
    this.#collected.push(chunk)
    this.#collectedBytes += chunk.length
    if (this.#collectedBytes <= MAX_REWRITTEN_BYTES) return
    const message = 'the agent card is larger than a megabyte'
    this.#reject(new ProxyError('INVALID_AGENT_RESPONSE', message, { delivered: 'yes' }))
  }

  end(): void {
    if (this.#isOver) return
    // An acknowledgement may be empty, and then needs no type.
    const isAcknowledgement = this.#status === 202 || this.#input.mayBeEmpty === true
    if (this.#state === 'sniffing' && isAcknowledgement) this.#writeHead()
    if (this.#state === 'sniffing') return this.#reject(emptyAnswer())
    if (this.#state === 'collecting') {
      void this.#writeRewritten()
      return
    }
    this.#input.reply.end()
    this.#finish({ kind: 'answered', status: this.#status })
  }

  async #writeRewritten(): Promise<void> {
    const { reply, rewrite } = this.#input
    const original = concatBytes(this.#collected, this.#collectedBytes)
    const headers = responseHeaders(this.#headers, this.#connection, false)
    let decoded: Uint8Array
    try {
      decoded = await decodeAnswer(original, valueIn(headers, 'content-encoding'), MAX_REWRITTEN_BYTES)
    } catch (error) {
      if (this.#isOver) return
      const message = 'the agent card cannot be decoded'
      const options = { delivered: 'yes', cause: error } as const
      return this.#reject(
        error instanceof ProxyError ? error : new ProxyError('INVALID_AGENT_RESPONSE', message, options),
      )
    }
    if (this.#isOver) return
    const text = new TextDecoder().decode(decoded)
    const rewritten = rewrite?.(text) ?? text
    reply.head(this.#status, rewritten === text ? headers : withoutBodyFacts(headers), false)
    reply.end(rewritten === text ? original : toBytes(rewritten))
    this.#finish({ kind: 'answered', status: this.#status })
  }

  /** Ends the exchange because the answer cannot be passed on. */
  #reject(error: ProxyError): void {
    this.#control?.abort()
    this.#fail(error)
  }

  /** An agent that redirects has received the request, whatever becomes of the next one. */
  #fail(error: ProxyError): void {
    this.#finish({ kind: 'failed', error: this.#redirects > 0 ? error.afterDelivery() : error })
  }

  failed(failure: TransportFailure): void {
    if (this.#isOver) return
    const error = errorOfFailure(failure, this.#state === 'waiting')
    if (this.#state !== 'passing') return this.#fail(error)
    const { asked, reply } = this.#input
    if (this.#isStream) {
      // 1.0 has no `final` member, so its clients would take a silent close for success (docs/facts/a2a.md §3.6).
      reply.end(toBytes(`${this.#boundary.isInsideEvent ? '\n\n' : ''}${errorEncoderOf(asked).frame(error)}`))
    } else {
      reply.destroy()
    }
    this.#finish({ kind: 'broken', error })
  }
}
