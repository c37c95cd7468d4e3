// The transport to agents on Node: a client of HTTP/1.1 with a pool of connections for each origin. It decodes nothing, sends
// nothing twice, and knows whether a request ever had a connection (docs/facts/a2a.md §3.7). With undici in its
// place a message takes 1.3 times this server's processor time (docs/performance.md).
import type { AgentRequest, Receiver, Transport } from '../../../lib/a2a/transport/transport.ts'
import { AgentCall } from './agent-call.ts'
import { Connection, type Origin } from './connection.ts'

/** How often connections are looked at whose time may be over. */
const CHECK_MS = 500

export function createAgentTransport(): { transport: Transport; close(): Promise<void> } {
  const client = new AgentClient()
  return {
    transport: (request, receiver) => client.send(request, receiver),
    close: () => client.close(),
  }
}

type Waiting = { call: AgentCall; request: AgentRequest }

class AgentClient {
  readonly #pools = new Map<string, Pool>()
  #waiting: Waiting[] = []
  #timer: NodeJS.Timeout | undefined
  #isClosed = false

  /**
   * Requests are sent at the end of the turn of the event loop. By then it is known which connections their agents have closed: a
   * request on one of those would be lost, and nobody could say whether it arrived.
   */
  send(request: AgentRequest, receiver: Receiver): AgentCall {
    const call = new AgentCall(request, receiver)
    if (this.#waiting.length === 0) setImmediate(() => this.#sendAll())
    this.#waiting.push({ call, request })
    return call
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()))
  }

  #sendAll(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const { call, request } of waiting) {
      if (this.#isClosed) call.fail('refused', new Error('the server is stopping'))
      else if (!call.isOver) this.#poolOf(request.origin).send(call, request)
    }
  }

  #poolOf(origin: string): Pool {
    let pool = this.#pools.get(origin)
    if (pool !== undefined) return pool
    pool = new Pool(originOf(origin), () => this.#pools.delete(origin))
    this.#pools.set(origin, pool)
    this.#timer ??= setInterval(() => this.#check(), CHECK_MS).unref()
    return pool
  }

  #check(): void {
    for (const pool of this.#pools.values()) pool.closeLate()
    if (this.#pools.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

/** The connections to one origin. */
class Pool {
  readonly #origin: Origin
  readonly #onEmpty: () => void
  readonly #open = new Set<Connection>()
  /** The one that was used last is used first, so that connections that are not needed end. */
  readonly #free: Connection[] = []
  #onClosed: (() => void) | undefined

  constructor(origin: Origin, onEmpty: () => void) {
    this.#origin = origin
    this.#onEmpty = onEmpty
  }

  send(call: AgentCall, request: AgentRequest): void {
    const free = this.#free.pop()
    if (free !== undefined && !free.isOpen) return this.send(call, request)
    const connection = free ?? this.#connect()
    connection.send(call, request)
  }

  closeLate(): void {
    for (const connection of this.#open) connection.closeIfLate(CHECK_MS)
  }

  /** @returns when all connections are closed */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#onClosed = resolve
      for (const connection of this.#open) connection.abort()
    })
  }

  #connect(): Connection {
    const connection = new Connection(this.#origin, this)
    this.#open.add(connection)
    return connection
  }

  onFree(connection: Connection): void {
    this.#free.push(connection)
  }

  onClose(connection: Connection): void {
    this.#open.delete(connection)
    const at = this.#free.indexOf(connection)
    if (at !== -1) this.#free.splice(at, 1)
    if (this.#open.size > 0) return
    this.#onEmpty()
    this.#onClosed?.()
  }
}

function originOf(text: string): Origin {
  const { host, hostname, port, protocol } = new URL(text)
  const isSecure = protocol === 'https:'
  return {
    isSecure,
    host,
    hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? (isSecure ? 443 : 80) : Number(port),
    session: undefined,
  }
}
