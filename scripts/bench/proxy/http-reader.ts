// Reads HTTP messages from a connection with little work, because agent and clients of the bench use the same processors as
// the measured proxy. It supports lengths and chunks; trailers and upgrades do not occur here.

export type HttpReceiver = {
  /** The first line and the headers. */
  head(text: string): void
  /** A part of the body: `data` between two offsets. It is valid during the call only. */
  piece(data: Buffer, from: number, to: number): void
  end(): void
}

const NOTHING = Buffer.alloc(0)

export class HttpReader {
  readonly #receiver: HttpReceiver
  #rest: Buffer = NOTHING
  #expected: 'head' | 'body' | 'chunk-size' | 'chunk' = 'head'
  /** Bytes that are missing of the body or the chunk, and of the line end after a chunk. */
  #left = 0
  #lineEnd = 0

  constructor(receiver: HttpReceiver) {
    this.#receiver = receiver
  }

  read(bytes: Buffer): void {
    const data = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    this.#rest = NOTHING
    let at = 0
    while (at < data.length) {
      if (this.#expected === 'body' || this.#expected === 'chunk') {
        at = this.#readBody(data, at)
        continue
      }
      const mark = this.#expected === 'head' ? '\r\n\r\n' : '\r\n'
      const end = data.indexOf(mark, at, 'latin1')
      if (end === -1) {
        this.#rest = data.subarray(at)
        return
      }
      const text = data.toString('latin1', at, end)
      at = end + mark.length
      if (this.#expected === 'head') this.#startBody(text)
      else this.#startChunk(Number.parseInt(text, 16))
    }
  }

  #readBody(data: Buffer, from: number): number {
    const to = Math.min(from + this.#left, data.length)
    this.#left -= to - from
    if (to > from) this.#receiver.piece(data, from, to)
    const skipped = this.#left === 0 ? Math.min(this.#lineEnd, data.length - to) : 0
    this.#lineEnd -= skipped
    if (this.#left === 0 && this.#lineEnd === 0) {
      if (this.#expected === 'chunk') this.#expected = 'chunk-size'
      else this.#end()
    }
    return to + skipped
  }

  #startBody(head: string): void {
    this.#receiver.head(head)
    this.#lineEnd = 0
    this.#left = 0
    if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
      this.#expected = 'chunk-size'
      return
    }
    const [, length] = /\r\ncontent-length: *(\d+)/i.exec(head) ?? []
    this.#expected = 'body'
    this.#left = Number(length ?? 0)
    if (this.#left === 0) this.#end()
  }

  /** The last chunk is empty: only the end of its line is left. */
  #startChunk(size: number): void {
    this.#expected = size === 0 ? 'body' : 'chunk'
    this.#left = size
    this.#lineEnd = 2
  }

  #end(): void {
    this.#expected = 'head'
    this.#receiver.end()
  }
}
