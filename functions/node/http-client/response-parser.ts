// Finds the responses in what a connection receives, in whatever pieces it comes. It keeps no more than a head or a line between two
// pieces, all of which are limited, and passes on bodies without their chunks.
import { InvalidResponse, readHead, type ResponseHead } from './response-head.ts'

/** What a response consists of, in this order. */
export type ResponseEvents = {
  head(head: ResponseHead): void
  /** @param bytes a part of those that were received */
  data(bytes: Buffer): void
  end(): void
}

/** Bytes of the status line and the headers, and those of the trailers. */
const MAX_HEAD = 16 * 1024

/** Bytes of the line before a chunk: its size, and extensions that nobody uses. */
const MAX_CHUNK_LINE = 256

/** Of a size, which then is exact as a number. */
const MAX_DIGITS = 12

/** Interim responses before a response; an agent could send them without an end. */
const MAX_INTERIM = 10

const CHUNK_LINE = /^([0-9A-Fa-f]{1,12});[\t\x20-\x7e\x80-\xff]+$/

/**
 * - `idle`: no response is expected
 * - `stopped`: what comes is ignored
 * - `head`: status line and headers, also those of interim responses
 * - `body`: bytes until the length, or until the connection ends
 * - `size`, `chunk`, `chunk-end`: a chunk
 * - `trailers`: after the last chunk
 */
type State = 'idle' | 'stopped' | 'head' | 'body' | 'size' | 'chunk' | 'chunk-end' | 'trailers'

export class ResponseParser {
  #state: State = 'idle'
  #events: ResponseEvents | undefined
  #method = ''
  /** What came last and is not complete. */
  #rest: Buffer | undefined
  /** Bytes of the body or of the chunk that have not come. */
  #left = 0
  #interim = 0
  /** Where in the piece the body is that was found in it. */
  #bodyFrom = 0
  #bodyTo = 0

  /** Expects the response to a request. */
  begin(method: string, events: ResponseEvents): void {
    this.#state = 'head'
    this.#method = method
    this.#events = events
    this.#interim = 0
  }

  /** Ignores what comes from now on. */
  stop(): void {
    this.#state = 'stopped'
    this.#events = undefined
    this.#rest = undefined
  }

  /**
   * @param received is used up: what is not of the body is overwritten
   * @throws InvalidResponse
   */
  push(received: Buffer): void {
    const bytes = this.#rest === undefined ? received : Buffer.concat([this.#rest, received])
    // Where it was searched already; a line end may be cut.
    const searched = Math.max(0, (this.#rest?.length ?? 0) - 3)
    this.#rest = undefined
    let at = 0
    try {
      while (at < bytes.length && !this.#isStopped) {
        const next = this.#step(bytes, at, Math.max(at, searched))
        if (next === undefined) {
          this.#rest = bytes.subarray(at)
          return
        }
        at = next
      }
    } finally {
      this.#pass(bytes)
    }
  }

  /** The connection has ended. @throws InvalidResponse when the response has not */
  finish(): void {
    if (this.#events === undefined) return
    if (this.#state !== 'body' || Number.isFinite(this.#left))
      throw new InvalidResponse('the connection ended before the response')
    this.#end(NOTHING)
  }

  // A receiver may stop the response when it gets a part of it.
  get #isStopped(): boolean {
    return this.#state === 'stopped'
  }

  /** @returns where the next step begins; undefined when more must come before */
  #step(bytes: Buffer, at: number, from: number): number | undefined {
    switch (this.#state) {
      case 'idle':
      case 'stopped':
        throw new InvalidResponse('there are bytes after the response')
      case 'head':
        return this.#readHead(bytes, at, from)
      case 'size':
        return this.#readSize(bytes, at, from)
      case 'trailers':
        return this.#readTrailers(bytes, at, from)
      case 'chunk-end':
        if (bytes.length - at < 2) return undefined
        if (bytes[at] !== CR || bytes[at + 1] !== LF)
          throw new InvalidResponse('a chunk is not as long as it says')
        this.#state = 'size'
        return at + 2
      case 'body':
      case 'chunk': {
        const to = Math.min(at + this.#left, bytes.length)
        this.#keep(bytes, at, to)
        this.#left -= to - at
        if (this.#left > 0) return to
        if (this.#state === 'chunk') this.#state = 'chunk-end'
        else this.#end(bytes)
        return to
      }
    }
  }

  #readHead(bytes: Buffer, at: number, from: number): number | undefined {
    // Text is searched faster than bytes, and most of the responses that begin here are short.
    const text = bytes.toString('latin1', at, Math.min(bytes.length, at + MAX_HEAD + EMPTY_LINE.length))
    const end = text.indexOf('\r\n\r\n', from - at)
    if ((end === -1 ? text.length : end) > MAX_HEAD)
      throw new InvalidResponse(`the headers are longer than ${MAX_HEAD} bytes`)
    if (end === -1) return undefined
    const head = readHead(text.slice(0, end), this.#method)
    const next = at + end + EMPTY_LINE.length
    if (head.status < 200) {
      // Interim responses (102, 103) are for the next hop only.
      if (head.status === 101 || ++this.#interim > MAX_INTERIM)
        throw new InvalidResponse('the agent sent an interim response that was not asked for')
      return next
    }
    this.#left = head.length === 'until-close' ? Infinity : head.length === 'chunked' ? 0 : head.length
    this.#state = head.length === 'chunked' ? 'size' : 'body'
    this.#events?.head(head)
    if (head.length === 0) this.#end(bytes)
    return next
  }

  #readSize(bytes: Buffer, at: number, from: number): number | undefined {
    const end = bytes.indexOf(LF, from)
    if ((end === -1 ? bytes.length : end) - at > MAX_CHUNK_LINE)
      throw new InvalidResponse(`the line of a chunk is longer than ${MAX_CHUNK_LINE} bytes`)
    if (end === -1) return undefined
    this.#left = sizeIn(bytes, at, end)
    this.#state = this.#left === 0 ? 'trailers' : 'chunk'
    return end + 1
  }

  /** Trailers are for one hop; none has a meaning in A2A. */
  #readTrailers(bytes: Buffer, at: number, from: number): number | undefined {
    if (bytes.length - at < 2) return undefined
    if (bytes[at] === CR && bytes[at + 1] === LF) {
      this.#end(bytes)
      return at + 2
    }
    const end = bytes.indexOf(EMPTY_LINE, from)
    if ((end === -1 ? bytes.length : end) - at > MAX_HEAD)
      throw new InvalidResponse(`the trailers are longer than ${MAX_HEAD} bytes`)
    if (end === -1) return undefined
    this.#end(bytes)
    return end + EMPTY_LINE.length
  }

  /** Moves a chunk to those before it, so that all that a piece has of a body is one part of it, however small the chunks are. */
  #keep(bytes: Buffer, from: number, to: number): void {
    if (this.#bodyTo === this.#bodyFrom) {
      this.#bodyFrom = from
      this.#bodyTo = to
      return
    }
    bytes.copyWithin(this.#bodyTo, from, to)
    this.#bodyTo += to - from
  }

  #pass(bytes: Buffer): void {
    const { from, to } = { from: this.#bodyFrom, to: this.#bodyTo }
    this.#bodyFrom = this.#bodyTo = 0
    if (to > from) this.#events?.data(bytes.subarray(from, to))
  }

  #end(bytes: Buffer): void {
    this.#pass(bytes)
    const events = this.#events
    this.#events = undefined
    if (!this.#isStopped) this.#state = 'idle'
    events?.end()
  }
}

/** Most chunks have a size without extensions. It is read without a text, because a piece can have ten thousand of them. */
function sizeIn(bytes: Buffer, at: number, lineFeed: number): number {
  const end = lineFeed - 1
  if (end <= at || bytes[end] !== CR) throw noSize()
  let size = 0
  for (let place = at; place < end; place++) {
    const digit = digitOf(bytes[place] ?? 0)
    if (digit === -1) return sizeWithExtensions(bytes.toString('latin1', at, end))
    size = size * 16 + digit
  }
  if (end - at > MAX_DIGITS) throw noSize()
  return size
}

function sizeWithExtensions(line: string): number {
  const size = CHUNK_LINE.exec(line)?.[1]
  if (size === undefined) throw noSize()
  return Number.parseInt(size, 16)
}

const noSize = () => new InvalidResponse('the size of a chunk is not a number')

function digitOf(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

const CR = 0x0d
const LF = 0x0a
const EMPTY_LINE = Buffer.from('\r\n\r\n')
const NOTHING = Buffer.alloc(0)
