// Finds values in JSON text by their position, in one pass and without building them, so that a large message can be
// read and edited cheaply. The structure of the objects and lists that are visited is checked; values that are
// skipped are not.

/** Where a value is in a text. `end` is exclusive. */
export type Span = { start: number; end: number }

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/**
 * Characters of a string that are compared one by one before the native search is used, which is faster only for long
 * strings.
 */
const SHORT_STRING = 64

/** Objects that are visited have at most this many members; more are far more than A2A knows. */
const MAX_MEMBERS = 10_000

/**
 * Positions only move forward, so one scanner reads a text once. All methods throw SyntaxError for malformed text.
 */
export class JsonScanner {
  readonly text: string
  /** Positions found by the native search. They are kept, so that no part of the text is searched twice. */
  #nextQuote = -1
  #nextBackslash = -1
  #hasEscape = false

  constructor(text: string) {
    this.text = text
  }

  isObject(at: number): boolean {
    return this.text.charCodeAt(at) === OPEN_OBJECT
  }

  isList(at: number): boolean {
    return this.text.charCodeAt(at) === OPEN_LIST
  }

  isString(at: number): boolean {
    return this.text.charCodeAt(at) === QUOTE
  }

  /** @returns the position of the next character that is not white space */
  skipSpace(at: number): number {
    for (;;) {
      const code = this.text.charCodeAt(at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at
      at++
    }
  }

  /**
   * Visits the members of an object.
   * @param at the opening brace
   * @param wanted the members to visit; others are skipped
   * @param visit gets the name and the position of the value, and returns the end of the value
   * @returns the end of the object
   */
  members(at: number, wanted: ReadonlySet<string>, visit: (name: string, at: number) => number): number {
    at = this.skipSpace(at + 1)
    if (this.text.charCodeAt(at) === CLOSE_OBJECT) return at + 1
    for (let count = 1; ; count++) {
      if (count > MAX_MEMBERS) throw new SyntaxError('too many members')
      if (!this.isString(at)) throw new SyntaxError('expected the name of a member')
      const nameEnd = this.#skipString(at)
      const name = this.#nameOf(at, nameEnd)
      at = this.skipSpace(nameEnd)
      if (this.text.charCodeAt(at) !== COLON) throw new SyntaxError('expected a colon')
      at = this.skipSpace(at + 1)
      at = this.skipSpace(name !== undefined && wanted.has(name) ? visit(name, at) : this.skipValue(at))
      const code = this.text.charCodeAt(at)
      if (code === CLOSE_OBJECT) return at + 1
      if (code !== COMMA) throw new SyntaxError('expected a comma')
      at = this.skipSpace(at + 1)
    }
  }

  /**
   * Visits the elements of a list.
   * @param at the opening bracket
   * @param visit gets the position of the element, and returns its end
   * @returns the end of the list
   */
  elements(at: number, visit: (at: number) => number): number {
    at = this.skipSpace(at + 1)
    if (this.text.charCodeAt(at) === CLOSE_LIST) return at + 1
    for (;;) {
      at = this.skipSpace(visit(at))
      const code = this.text.charCodeAt(at)
      if (code === CLOSE_LIST) return at + 1
      if (code !== COMMA) throw new SyntaxError('expected a comma')
      at = this.skipSpace(at + 1)
    }
  }

  /** @returns the end of the value that begins at a position */
  skipValue(at: number): number {
    const code = this.text.charCodeAt(at)
    if (code === QUOTE) return this.#skipString(at)
    if (code === OPEN_OBJECT || code === OPEN_LIST) return this.#skipContainer(at)
    return this.#skipWord(at)
  }

  #skipContainer(at: number): number {
    const { text } = this
    for (let depth = 0; at < text.length; at++) {
      const code = text.charCodeAt(at)
      // Digits, commas, colons and white space are most of what is skipped here.
      if (code <= COLON) {
        if (code === QUOTE) at = this.#skipString(at) - 1
      } else if (code === OPEN_OBJECT || code === OPEN_LIST) depth++
      else if ((code === CLOSE_OBJECT || code === CLOSE_LIST) && --depth === 0) return at + 1
    }
    throw new SyntaxError('the text ends inside a value')
  }

  /** A number, `true`, `false` or `null`. */
  #skipWord(at: number): number {
    const start = at
    for (; at < this.text.length; at++) {
      const code = this.text.charCodeAt(at)
      if (code === COMMA || code === CLOSE_OBJECT || code === CLOSE_LIST || code <= 0x20) break
    }
    if (!WORD.test(this.text.slice(start, at))) throw new SyntaxError('expected a value')
    return at
  }

  #skipString(at: number): number {
    const { text } = this
    this.#hasEscape = false
    let index = at + 1
    while (index < text.length) {
      for (const end = Math.min(index + SHORT_STRING, text.length); index < end; index++) {
        const code = text.charCodeAt(index)
        if (code === QUOTE) return index + 1
        if (code === BACKSLASH) {
          this.#hasEscape = true
          index++
        }
      }
      if (this.#nextQuote < index) this.#nextQuote = positionOf(text, '"', index)
      if (this.#nextBackslash < index) this.#nextBackslash = positionOf(text, '\\', index)
      index = Math.min(this.#nextQuote, this.#nextBackslash)
    }
    throw new SyntaxError('the text ends inside a string')
  }

  /** Names that are longer than any member of A2A's envelope are not decoded. */
  #nameOf(start: number, end: number): string | undefined {
    if (end - start > MAX_NAME_LENGTH) return undefined
    return this.#hasEscape
      ? (JSON.parse(this.text.slice(start, end)) as string)
      : this.text.slice(start + 1, end - 1)
  }
}

const WORD = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)$/

/** With quotes, and with each character written as an escape of six. */
const MAX_NAME_LENGTH = 100

function positionOf(text: string, search: string, from: number): number {
  const found = text.indexOf(search, from)
  return found === -1 ? Number.POSITIVE_INFINITY : found
}
