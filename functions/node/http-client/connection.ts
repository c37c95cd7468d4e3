// One connection to an agent over HTTP/1.1: a request at a time. Without TLS it is read past Node's streams, which take longer. It is
// read in slices, so that an agent that sends without a pause holds up nobody else.
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { AgentRequest } from '../../../lib/a2a/transport/transport.ts'
import { pauseSlice, SLICE, SliceCounter } from '../../../lib/platform/slices.ts'
import { latin1Of } from '../latin1.ts'
import type { AgentCall } from './agent-call.ts'
import { requestHead } from './request-head.ts'
import type { ResponseHead } from './response-head.ts'
import { type ResponseEvents, ResponseParser } from './response-parser.ts'

/** Where an agent is. */
export type Origin = {
  isSecure: boolean
  /** The header. */
  host: string
  hostname: string
  port: number
  /** The session of the last TLS connection, with which the next one needs fewer round trips. */
  session: Buffer | undefined
}

const CONNECT_TIMEOUT_MS = 5_000

/** How long an unused connection is kept: less than the 5 s after which Node and uvicorn close it. */
const IDLE_MS = 4_000

/** Time between the end of our patience and that of the agent, if it says how long it waits. */
const IDLE_MARGIN_MS = 1_000

/** The longest body that is written together with the head, in bytes. */
const MAX_JOINED = 8 * 1024

/**
 * What all connections read into. It is free again before anything else is read, because its bytes are copied at once. A buffer for each
 * would be 64 KiB for an idle stream.
 */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 * 1024)

/** What becomes of a connection. */
export type ConnectionOwner = {
  /** It can carry another request. */
  onFree(connection: Connection): void
  onClose(connection: Connection): void
}

export class Connection implements ResponseEvents {
  readonly #socket: Socket
  readonly #origin: Origin
  readonly #owner: ConnectionOwner
  readonly #parser = new ResponseParser()
  readonly #slices = new SliceCounter()
  #call: AgentCall | undefined
  #isConnected = false
  #isWritten = true
  #isPersistent = true
  #idleMs = IDLE_MS
  /** By the caller, who is behind. */
  #isPaused = false
  /** Between two slices. */
  #isResting = false
  #error: unknown
  #whenWritable: (() => void) | undefined
  /** It ends after so many milliseconds in which nothing happens. */
  #patienceMs = CONNECT_TIMEOUT_MS
  /** How often it was looked at since something happened. To count takes less time than to ask for the time of each event. */
  #looks = 0

  constructor(origin: Origin, owner: ConnectionOwner) {
    this.#origin = origin
    this.#owner = owner
    this.#socket = origin.isSecure ? this.#openTls() : this.#openTcp()
    this.#socket
      .on(origin.isSecure ? 'secureConnect' : 'connect', () => this.#onConnect())
      .on('drain', () => this.#onWritable())
      .on('end', () => this.#onEnd())
      .on('error', (error) => (this.#error ??= error))
      .on('close', () => this.#onClose())
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed
  }

  /** Sends a request. The connection must be free. */
  send(call: AgentCall, request: AgentRequest): void {
    const { body, method } = request
    let head: string
    try {
      head = requestHead(request, this.#origin.host)
    } catch (error) {
      this.#owner.onFree(this)
      call.fail('refused', error)
      return
    }
    this.#call = call
    call.connection = this
    this.#isPersistent = true
    if (this.#isConnected) this.#expectWithin(call.silenceMs)
    this.#parser.begin(method, this)
    if (body !== undefined && body.length > MAX_JOINED) {
      this.#isWritten = false
      void this.#writeLarge(call, head, body)
      return
    }
    // One text is one system call.
    this.#socket.write(body === undefined ? head : head + latin1Of(body), 'latin1')
    call.holdsBody = false
  }

  pause(): void {
    this.#isPaused = true
    this.#socket.pause()
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#waitAgain()
    if (!this.#isResting) this.#socket.resume()
  }

  /** Closes the connection, without a word to the receiver. */
  abort(): void {
    this.#parser.stop()
    this.#socket.destroy()
  }

  /** Ends a connection on which nothing has happened for too long. */
  /** @param everyMs how often it is called */
  closeIfLate(everyMs: number): void {
    // While the caller is behind, the agent is not silent. The first look may have come at once.
    if (this.#isPaused || this.#looks++ * everyMs < this.#patienceMs) return
    const error = new Error(this.#isConnected ? 'silent for too long' : 'no connection within 5 s')
    this.#call?.fail(this.#isConnected ? 'silent' : 'refused', error)
    this.abort()
  }

  #openTcp(): Socket {
    const { hostname, port } = this.#origin
    const callback = (length: number) => {
      this.#onBytes(Buffer.from(READ_BUFFER.subarray(0, length)))
      return true
    }
    const onread = { buffer: READ_BUFFER, callback }
    return connect({ host: hostname, port, ...SOCKET, onread })
  }

  #openTls(): Socket {
    const { hostname, port, session } = this.#origin
    return connectTls({
      host: hostname,
      port,
      ...SOCKET,
      ALPNProtocols: ['http/1.1'],
      ...(isIP(hostname) === 0 ? { servername: hostname } : {}),
      ...(session === undefined ? {} : { session }),
    })
      .on('session', (fresh: Buffer) => (this.#origin.session = fresh))
      .on('data', (bytes: Buffer) => this.#onBytes(bytes))
  }

  #onConnect(): void {
    this.#isConnected = true
    this.#waitAgain()
  }

  #onBytes(bytes: Buffer): void {
    if (this.#slices.add(bytes.length)) void this.#rest()
    try {
      this.#parser.push(bytes)
    } catch (error) {
      this.#fail(error)
    }
  }

  async #rest(): Promise<void> {
    this.#isResting = true
    this.#socket.pause()
    await pauseSlice()
    this.#isResting = false
    if (!this.#isPaused) this.#socket.resume()
  }

  head(head: ResponseHead): void {
    this.#waitAgain()
    this.#isPersistent = head.isPersistent
    this.#idleMs = Math.min(IDLE_MS, (head.idleMs ?? Infinity) - IDLE_MARGIN_MS)
    this.#call?.head(head)
  }

  data(bytes: Buffer): void {
    this.#waitAgain()
    this.#call?.data(bytes)
  }

  end(): void {
    const call = this.#call
    this.#call = undefined
    // Its end may come with the bytes for which it was paused.
    this.resume()
    // A response before the end of its request: what follows of the request would be read as another one.
    if (this.#isPersistent && this.#isWritten && this.isOpen && this.#idleMs > 0) {
      this.#expectWithin(this.#idleMs)
      this.#owner.onFree(this)
    } else this.#socket.destroy()
    call?.end()
  }

  #onEnd(): void {
    try {
      this.#parser.finish()
    } catch (error) {
      this.#fail(error)
    }
    // By itself it would stay open until the system has closed it, and might get another request.
    this.#socket.destroy()
  }

  #onClose(): void {
    this.#onWritable()
    this.#owner.onClose(this)
    const cause = this.#error ?? new Error('the agent closed the connection')
    this.#call?.fail(this.#isConnected ? 'lost' : 'refused', cause)
  }

  /** @param error of the response, or of the receiver: neither may end the process */
  #fail(error: unknown): void {
    this.#error ??= error
    this.abort()
  }

  /** Written at once, a large body would hold up other requests while the system copies it. */
  async #writeLarge(call: AgentCall, head: string, body: Uint8Array): Promise<void> {
    this.#socket.write(head, 'latin1')
    for (let at = 0; at < body.length; at += SLICE) {
      if (at > 0) await pauseSlice()
      if (!this.isOpen) return
      if (!this.#socket.write(body.subarray(at, at + SLICE))) await this.#untilWritable()
      this.#waitAgain()
    }
    this.#isWritten = true
    call.holdsBody = false
  }

  #untilWritable(): Promise<void> {
    return new Promise((resolve) => (this.#whenWritable = resolve))
  }

  #onWritable(): void {
    const resolve = this.#whenWritable
    this.#whenWritable = undefined
    resolve?.()
  }

  #waitAgain(): void {
    if (this.#call !== undefined && this.#isConnected) this.#expectWithin(this.#call.silenceMs)
  }

  #expectWithin(ms: number): void {
    this.#patienceMs = ms
    this.#looks = 0
  }
}

const SOCKET = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 }
