// The transport to agents on Node: undici's dispatcher, with one connection pool per origin. It is several times
// faster than fetch, decodes nothing, and reports whether a request ever had a connection (docs/facts/a2a.md §3.7).
import type { IncomingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import { Agent, type Dispatcher, errors } from 'undici'
import { createBoundedConnector } from './bounded-parsing.ts'
import type { HeaderList } from '../../lib/a2a/wire/headers.ts'
import { pauseSlice, SLICE } from '../../lib/platform/slices.ts'
import {
  neverConnected,
  type Receiver,
  type RequestControl,
  type Transport,
  type TransportFailure,
} from '../../lib/a2a/transport/transport.ts'

const CONNECT_TIMEOUT_MS = 5_000

/** Interim responses before an answer; more are an error, because each one restarts the timer of a silent agent. */
const MAX_INTERIM = 10

export function createUndiciTransport(): { transport: Transport; close(): Promise<void> } {
  // HTTP/1.1 alone: where exchanges share a connection, one that breaks ends them all.
  const agent = new Agent({ allowH2: false, connect: createBoundedConnector(CONNECT_TIMEOUT_MS) })

  const transport: Transport = ({ body, headers, method, origin, path, silenceMs }, receiver) => {
    const isLarge = body !== undefined && body.length > SLICE
    const call = new AgentCall(receiver)
    agent.dispatch(
      {
        origin,
        path,
        method,
        headers: isLarge ? [...headers, 'content-length', String(body.length)] : headers,
        body: isLarge ? call.inSlices(body) : (body ?? null),
        headersTimeout: silenceMs,
        bodyTimeout: silenceMs,
      },
      call,
    )
    return call
  }
  return { transport, close: () => agent.destroy() }
}

class AgentCall implements Dispatcher.DispatchHandler, RequestControl {
  readonly #receiver: Receiver
  #controller: Dispatcher.DispatchController | undefined
  #isOver = false
  #interim = 0
  /** undici keeps a small one until the answer has ended. */
  holdsBody = true
  /** A large body, until it is sent. */
  #unsent: Uint8Array | undefined

  constructor(receiver: Receiver) {
    this.#receiver = receiver
  }

  /** Written at once, a large body would hold up other requests while the system copies it. */
  inSlices(body: Uint8Array): Readable {
    this.#unsent = body
    // Its only errors are those with which undici destroys it, and undici reports them to the receiver.
    return Readable.from(this.#slices(), { objectMode: false }).on('error', () => {})
  }

  async *#slices(): AsyncGenerator<Uint8Array> {
    for (let at = 0; this.#unsent !== undefined && at < this.#unsent.length; at += SLICE) {
      if (at > 0) await pauseSlice()
      yield this.#unsent.subarray(at, at + SLICE)
    }
    this.#unsent = undefined
    this.holdsBody = false
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#isOver) this.abort()
  }

  onResponseStart(_: unknown, status: number, headers: IncomingHttpHeaders): void {
    // Interim responses (102, 103) are for the next hop only.
    if (status < 200 && ++this.#interim > MAX_INTERIM)
      this.#controller?.abort(new Error('too many interim responses'))
    if (this.#isOver || status < 200) return
    this.#receiver.head(status, listOf(headers), headers['connection']?.toString())
  }

  onResponseData(_: unknown, chunk: Buffer): void {
    if (!this.#isOver) this.#receiver.data(chunk)
  }

  onResponseEnd(): void {
    if (!this.#isOver) this.#receiver.end()
  }

  onResponseError(_: unknown, error: Error): void {
    if (!this.#isOver) this.#receiver.failed({ kind: kindOf(error), cause: error })
  }

  pause(): void {
    this.#controller?.pause()
  }

  resume(): void {
    this.#controller?.resume()
  }

  abort(): void {
    this.#isOver = true
    this.#controller?.abort(new Error('the caller disconnected'))
  }
}

function kindOf(error: unknown): TransportFailure['kind'] {
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError) return 'silent'
  return neverConnected(error) ? 'refused' : 'lost'
}

function listOf(headers: Record<string, string | string[] | undefined>): HeaderList {
  const list: HeaderList = []
  for (const name in headers) {
    const value = headers[name]
    if (Array.isArray(value)) for (const one of value) list.push(name, one)
    else if (value !== undefined) list.push(name, value)
  }
  return list
}
