// Sends one request to one machine and hands its answer on unread: the same bytes, as they come, for as long as they come.
// Answers of our own exist only where the agent gave none, or broke off.
import { concatBytes } from '../platform/encoding.ts'
import { type HeaderPairs, responseHeaders } from './wire/headers.ts'
import { type ResponseWriter, toBytes } from './response/response-writer.ts'
import { ProxyError } from './errors/proxy-error.ts'
import type { AgentRequest, Flow, Transport, TransportFailure } from './transport/transport.ts'
import type { ErrorEncoder } from './errors/error-encoder.ts'

export type ExchangeInput = {
  transport: Transport
  request: AgentRequest
  reply: ResponseWriter
  voice: ErrorEncoder
  /** For answers that have addresses in them: the whole body, changed. Only JSON of up to a megabyte is asked for. */
  rewrite?: ((body: string) => string) | undefined
}

/**
 * - `answered`: the agent has; whatever it said is with the caller
 * - `broken`: the agent broke off in the middle, and the caller has been told
 * - `failed`: no answer, and nothing has been said to the caller yet
 * - `gone`: the caller left
 */
export type Outcome =
  | { kind: 'answered'; status: number }
  | { kind: 'broken' | 'failed'; error: ProxyError }
  | { kind: 'gone' }

/** Largest answer that is held back to be rewritten, in bytes. */
const MAX_REWRITTEN = 1024 * 1024

export function exchange(input: ExchangeInput): Promise<Outcome> {
  return new Promise((resolve) => new Exchange(input, resolve).start())
}

class Exchange {
  readonly #input: ExchangeInput
  readonly #resolve: (outcome: Outcome) => void
  #flow: Flow | undefined
  #over = false
  #status = 0
  #headers: HeaderPairs = []
  #connection: string | undefined
  /** Nothing is passed on before it is known whether this is an answer, and whether it has to be changed. */
  #state: 'waiting' | 'sniffing' | 'collecting' | 'passing' = 'waiting'
  #isStream = false
  /** Bytes of a body of known length that are still to come. */
  #left = Number.NaN
  #collected: Uint8Array[] = []
  #collectedBytes = 0
  #boundary = new EventBoundary()

  constructor(input: ExchangeInput, resolve: (outcome: Outcome) => void) {
    this.#input = input
    this.#resolve = resolve
  }

  start(): void {
    const { reply, request, transport } = this.#input
    reply.onDisconnect = () => {
      if (this.#over) return
      // The upstream request ends; the task it began goes on (a2a.md §3.6).
      this.#flow?.abort()
      this.#finish({ kind: 'gone' })
    }
    if (this.#over) return
    reply.onDrain = () => this.#flow?.resume()
    this.#flow = transport(request, {
      head: (status, headers, connection) => this.#head(status, headers, connection),
      data: (chunk) => this.#data(chunk),
      end: () => this.#end(),
      failed: (failure) => this.#failed(failure),
    })
    if (this.#over) this.#flow.abort()
  }

  #finish(outcome: Outcome): void {
    this.#over = true
    this.#input.reply.onDisconnect = undefined
    this.#input.reply.onDrain = undefined
    this.#resolve(outcome)
  }

  #head(status: number, headers: HeaderPairs, connection: string | undefined): void {
    if (this.#over) return
    let type: string | undefined
    for (const [name, value] of headers) {
      if (name === 'content-type') type = value.toLowerCase()
      else if (name === 'content-length') this.#left = Number(value)
    }
    this.#status = status
    this.#headers = headers
    this.#connection = connection
    this.#isStream = type?.startsWith('text/event-stream') === true
    if (type === undefined && status < 300 && status !== 202 && status !== 204) this.#state = 'sniffing'
    else if (!isAgentsAnswer(status, type)) this.#refuse(notAnAnswer(status))
    else if (this.#input.rewrite !== undefined && !this.#isStream) this.#state = 'collecting'
    else this.#begin()
  }

  #begin(): void {
    this.#state = 'passing'
    const headers = responseHeaders(this.#headers, this.#connection, this.#isStream)
    this.#input.reply.head(this.#status, headers, this.#isStream)
  }

  #data(chunk: Uint8Array): void {
    if (this.#over || chunk.length === 0) return
    if (this.#state === 'sniffing' && !this.#sniff(chunk)) return
    if (this.#state === 'collecting') this.#collect(chunk)
    else this.#pass(chunk)
  }

  #pass(chunk: Uint8Array): void {
    const { reply } = this.#input
    this.#left -= chunk.length
    if (this.#left === 0) {
      // The common answer is one chunk: written together with its head and its end.
      reply.end(chunk)
      this.#finish({ kind: 'answered', status: this.#status })
      return
    }
    if (this.#isStream) this.#boundary.saw(chunk)
    if (!reply.write(chunk)) this.#flow?.pause()
  }

  /** An answer without a type is JSON if it begins like JSON (a2a.md §3.9). */
  #sniff(chunk: Uint8Array): boolean {
    const first = chunk.find((byte) => byte > 0x20)
    if (first !== 0x7b && first !== 0x5b) {
      this.#refuse(notAnAnswer(this.#status))
      return false
    }
    this.#begin()
    return true
  }

  #collect(chunk: Uint8Array): void {
    this.#collected.push(chunk)
    this.#collectedBytes += chunk.length
    if (this.#collectedBytes <= MAX_REWRITTEN) return
    const message = 'the agent card is larger than a megabyte'
    this.#refuse(new ProxyError('INVALID_AGENT_RESPONSE', message, { delivered: 'yes' }))
  }

  #end(): void {
    if (this.#over) return
    const { reply, rewrite } = this.#input
    if (this.#state === 'sniffing') {
      this.#finish({
        kind: 'failed',
        error: new ProxyError('AGENT_CONNECTION_LOST', 'the agent closed the connection without an answer', {
          delivered: 'unknown',
        }),
      })
      return
    }
    if (this.#state === 'collecting' && rewrite !== undefined) {
      const came = concatBytes(this.#collected, this.#collectedBytes)
      const text = new TextDecoder().decode(came)
      const rewritten = rewrite(text)
      const headers = responseHeaders(this.#headers, this.#connection, false)
      // The old bytes' length and tag.
      if (rewritten !== text)
        for (const name of ['content-length', 'etag', 'last-modified']) delete headers[name]
      reply.head(this.#status, headers, false)
      reply.end(rewritten === text ? came : toBytes(rewritten))
    } else {
      reply.end()
    }
    this.#finish({ kind: 'answered', status: this.#status })
  }

  /** The agent's answer is none that could be passed on. */
  #refuse(error: ProxyError): void {
    this.#flow?.abort()
    this.#finish({ kind: 'failed', error })
  }

  #failed(failure: TransportFailure): void {
    if (this.#over) return
    const error = failureOf(failure, this.#state === 'waiting')
    if (this.#state !== 'passing') {
      this.#finish({ kind: 'failed', error })
      return
    }
    const { reply, voice } = this.#input
    if (this.#isStream) {
      // A silent close would look like success to 1.0 clients, who have no `final` to miss (a2a.md §3.6).
      reply.end(toBytes(`${this.#boundary.isOpen ? '\n\n' : ''}${voice.frame(error)}`))
    } else {
      reply.destroy()
    }
    this.#finish({ kind: 'broken', error })
  }
}

/** Whether the bytes so far end between two events: with a blank line, in any of the three line endings. */
class EventBoundary {
  /** The last four bytes, the newest lowest. */
  #tail = 0x0a0a

  saw(chunk: Uint8Array): void {
    // A stream is made of chunks like this one: no string, no view, no array is made for them.
    for (let at = Math.max(0, chunk.length - 4); at < chunk.length; at++) {
      this.#tail = (this.#tail << 8) | (chunk[at] ?? 0)
    }
  }

  get isOpen(): boolean {
    const two = this.#tail & 0xffff
    return two !== 0x0a0a && two !== 0x0d0d && this.#tail !== 0x0d0a0d0a
  }
}

// JSON and event streams are the agent's words at any status (a2a.md §2.3); so is silence after a notification. Its 401 is
// about the credential that we sent, and nothing the caller could mend.
function isAgentsAnswer(status: number, type: string | undefined): boolean {
  if (status === 202 || status === 204) return true
  if ((status >= 300 && status < 400) || status === 401) return false
  return type !== undefined && /^(application\/([\w.-]+\+)?json|text\/event-stream)\b/.test(type)
}

// Cloudflare's own answers for an origin that it could not connect to at all.
const NEVER_CONNECTED_AT_CLOUDFLARE = new Set([521, 522, 523, 525, 526, 530])

function notAnAnswer(status: number): ProxyError {
  const facts = { agent_status: String(status) }
  if (NEVER_CONNECTED_AT_CLOUDFLARE.has(status)) {
    return new ProxyError('AGENT_UNREACHABLE', "the agent's machine cannot be reached", { facts })
  }
  // The Fly Proxy answers for a machine that does not: no JSON, 502 or 503 (fly.md §7.4).
  if (status === 502 || status === 503) {
    const message = "the agent's machine does not answer"
    return new ProxyError('AGENT_UNREACHABLE', message, { delivered: 'unknown', facts })
  }
  if (status === 504 || status === 524) {
    const message = "the agent's machine took too long"
    return new ProxyError('AGENT_TIMEOUT', message, { delivered: 'unknown', facts })
  }
  if (status === 413) {
    const message = 'the agent refused a body of this size'
    return new ProxyError('AGENT_HTTP_ERROR', message, { delivered: 'no', status, facts })
  }
  if (status >= 400 && status < 500 && status !== 401) {
    const message = `the agent refused the request with HTTP ${status}`
    return new ProxyError('AGENT_HTTP_ERROR', message, { delivered: 'unknown', status, facts })
  }
  if (status >= 400) {
    const message = `the agent failed with HTTP ${status}`
    return new ProxyError('AGENT_HTTP_ERROR', message, { delivered: 'unknown', facts })
  }
  const message = 'the agent answered with something that is not A2A'
  return new ProxyError('INVALID_AGENT_RESPONSE', message, { delivered: 'unknown', facts })
}

function failureOf({ cause, kind }: TransportFailure, unanswered: boolean): ProxyError {
  switch (kind) {
    case 'refused':
      return new ProxyError('AGENT_UNREACHABLE', "the agent's machine cannot be reached", { cause })
    case 'silent':
      return new ProxyError(
        'AGENT_TIMEOUT',
        'the agent was silent for too long; its task may still be running',
        { delivered: 'unknown', cause },
      )
    case 'lost':
      return new ProxyError('AGENT_CONNECTION_LOST', 'the connection to the agent was lost', {
        delivered: unanswered ? 'unknown' : 'yes',
        cause,
      })
  }
}
