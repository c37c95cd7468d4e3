// One request to an agent, from the time when it is handed over until its response has ended: what the proxy controls, and what the
// connection reports.
import type {
  AgentRequest,
  Receiver,
  RequestControl,
  TransportFailure,
} from '../../../lib/a2a/transport/transport.ts'
import type { ResponseHead } from './response-head.ts'

type Controls = Pick<RequestControl, 'pause' | 'resume' | 'abort'>

export class AgentCall implements RequestControl {
  /** Longest silence of the agent, in milliseconds. */
  readonly silenceMs: number
  readonly #receiver: Receiver
  /** Since the request is sent. */
  connection: Controls | undefined
  /** The receiver is not called any more, and the connection may belong to another call. */
  isOver = false
  holdsBody = true

  // It does not keep the request: a body would be kept as long as the answer takes.
  constructor({ silenceMs }: AgentRequest, receiver: Receiver) {
    this.silenceMs = silenceMs
    this.#receiver = receiver
  }

  head({ connection, headers, status }: ResponseHead): void {
    if (!this.isOver) this.#receiver.head(status, headers, connection)
  }

  data(bytes: Uint8Array): void {
    if (!this.isOver) this.#receiver.data(bytes)
  }

  end(): void {
    if (this.isOver) return
    this.isOver = true
    this.#receiver.end()
  }

  fail(kind: TransportFailure['kind'], cause: unknown): void {
    if (this.isOver) return
    this.isOver = true
    this.#receiver.failed({ kind, cause })
  }

  pause(): void {
    if (!this.isOver) this.connection?.pause()
  }

  resume(): void {
    if (!this.isOver) this.connection?.resume()
  }

  abort(): void {
    if (this.isOver) return
    this.isOver = true
    this.connection?.abort()
  }
}
