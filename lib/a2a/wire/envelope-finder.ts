// Finds the id and the method of a JSON-RPC request in a body that is too large to be kept, so that its refusal has
// the caller's id. It reads the body in chunks and keeps only those two members.
import { toBytes } from '../response/response-writer.ts'
import { type Envelope, envelopeOf, NO_ENVELOPE } from './json-rpc.ts'

/** Longest name or value that is kept, in bytes as it is written. */
const MAX_TOKEN_BYTES = 1_000

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

export class EnvelopeFinder {
  #depth = 0
  #isInString = false
  #isEscaped = false
  #isObject: boolean | undefined
  /** The bytes of the current name or value of the outermost object; undefined for one that is not kept. */
  #token: number[] | undefined = []
  #name: string | undefined
  readonly #found = new Map<string, string>()

  append(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; at++) {
      if (this.#isObject === false) return
      if (this.#depth > 1 || (this.#isInString && this.#token === undefined)) at = this.#skipInner(chunk, at)
      const byte = chunk[at]
      if (byte === undefined) return
      if (this.#isInString) this.#onStringByte(byte)
      else this.#onByte(byte)
    }
  }

  /** Whether nothing more can be found. */
  get isComplete(): boolean {
    return this.#isObject === false || this.#found.size === 2
  }

  /** What was found. */
  envelope(): Envelope {
    const members = [...this.#found].map(([name, value]) => `"${name}":${value}`)
    return members.length === 0 ? NO_ENVELOPE : envelopeOf(toBytes(`{${members.join(',')}}`))
  }

  /**
   * Skips what is inside of a value that is not kept: nearly all of a large body, so it compares little for each byte.
   * @returns the position after it, or the end of the chunk
   */
  #skipInner(chunk: Uint8Array, at: number): number {
    let depth = this.#depth
    let isInString = this.#isInString
    let isEscaped = this.#isEscaped
    for (; at < chunk.length && (depth > 1 || isInString); at++) {
      const byte = chunk[at] ?? 0
      if (isInString) {
        if (isEscaped) isEscaped = false
        else if (byte === BACKSLASH) isEscaped = true
        else if (byte === QUOTE) isInString = false
      } else if (byte === QUOTE) isInString = true
      else if (byte === OPEN_LIST || byte === OPEN_OBJECT) depth++
      else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth--
    }
    this.#depth = depth
    this.#isInString = isInString
    this.#isEscaped = isEscaped
    return at
  }

  #onStringByte(byte: number): void {
    if (this.#depth === 1) this.#keep(byte)
    if (this.#isEscaped) this.#isEscaped = false
    else if (byte === BACKSLASH) this.#isEscaped = true
    else if (byte === QUOTE) this.#isInString = false
  }

  #onByte(byte: number): void {
    if (byte <= 0x20) return
    if (this.#isObject === undefined) {
      this.#isObject = byte === OPEN_OBJECT
      if (!this.#isObject) return
    }
    if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      if (++this.#depth > 1) this.#token = undefined
    } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
      if (--this.#depth === 0) this.#endMember()
    } else if (this.#depth === 1 && byte === COLON) {
      this.#name = this.#text()
      this.#token = []
    } else if (this.#depth === 1 && byte === COMMA) {
      this.#endMember()
    } else {
      this.#isInString = byte === QUOTE
      if (this.#depth === 1) this.#keep(byte)
    }
  }

  #keep(byte: number): void {
    if (this.#token === undefined) return
    if (this.#token.length < MAX_TOKEN_BYTES) this.#token.push(byte)
    else this.#token = undefined
  }

  #endMember(): void {
    const value = this.#text()
    for (const wanted of ['id', 'method'])
      if (this.#name === `"${wanted}"` && value !== undefined) this.#found.set(wanted, value)
    this.#token = []
    this.#name = undefined
  }

  #text(): string | undefined {
    return this.#token && new TextDecoder().decode(new Uint8Array(this.#token))
  }
}
