// Finds values in JSON text by their position, in one pass and without building them, so that a large message can be
// read and edited cheaply. The structure of the objects and lists that are visited is checked; values that are
// skipped are not. A scan pauses after each slice of the text, wherever it is.
import type { Steps } from '../../platform/slices.ts'

/** Where a value is in a text. `end` is exclusive. */
export type Span = { start: number; end: number }

/**
 * What happens to the wanted members of an object. Its functions are called for each message, so none is a generator: V8
 * makes a prototype of its own for each closure that is one.
 */
export type MemberVisitor = {
  /** @returns the steps that read the value and find its end; undefined: the value is skipped */
  enter?: (name: string, at: number) => Steps<number> | undefined
  /** Gets the place of a value that was skipped. */
  found: (name: string, span: Span) => void
}

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

/** Longest white space between two tokens, and longest number, in characters. */
const MAX_SPACE = 250_000
const MAX_WORD = 250_000

/** Of longer numbers only the first characters are checked. */
const MAX_CHECKED_WORD = 1_000

/** Returned in place of the end of a value whose scan has paused. */
const PAUSED = -1

/**
 * Positions only move forward, so one scanner reads a text once. All methods throw SyntaxError for malformed text.
 */
export class JsonScanner {
  readonly text: string
  readonly #slice: number
  /** Where the scan pauses next. */
  #pauseAt: number
  /** A scan that has paused within a value: its position, its depth, and whether it is in a string. */
  #at = 0
  #depth = 0
  #isInString = false
  /** Positions found by the native search. They are kept, so that no part of the text is searched twice. */
  #nextQuote = -1
  #nextBackslash = -1
  #hasEscape = false

  /** @param slice after how many characters a scan pauses; the default is never */
  constructor(text: string, slice = Number.POSITIVE_INFINITY) {
    this.text = text
    this.#slice = slice
    this.#pauseAt = slice
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
    for (const stop = at + MAX_SPACE; at < stop; at++) {
      const code = this.text.charCodeAt(at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at
    }
    throw new SyntaxError('too much white space')
  }

  /**
   * Visits the members of an object.
   * @param at the opening brace
   * @param wanted the members to visit; others are skipped
   * @returns the end of the object
   */
  *members(at: number, wanted: ReadonlySet<string>, { enter, found }: MemberVisitor): Steps<number> {
    at = this.skipSpace(at + 1)
    if (this.text.charCodeAt(at) === CLOSE_OBJECT) return at + 1
    for (let count = 1; ; count++) {
      if (count > MAX_MEMBERS) throw new SyntaxError('too many members')
      if (at >= this.#pauseAt) {
        yield
        this.#pauseAt = at + this.#slice
      }
      if (!this.isString(at)) throw new SyntaxError('expected the name of a member')
      let end = this.#skipValue(at)
      if (end === PAUSED) end = yield* this.#finish()
      const name = this.#nameOf(at, end)
      at = this.skipSpace(end)
      if (this.text.charCodeAt(at) !== COLON) throw new SyntaxError('expected a colon')
      at = this.skipSpace(at + 1)
      const isWanted = name !== undefined && wanted.has(name)
      const entered = isWanted ? enter?.(name, at) : undefined
      if (entered !== undefined) end = yield* entered
      else {
        end = this.#skipValue(at)
        if (end === PAUSED) end = yield* this.#finish()
        if (isWanted) found(name, { start: at, end })
      }
      at = this.skipSpace(end)
      const code = this.text.charCodeAt(at)
      if (code === CLOSE_OBJECT) return at + 1
      if (code !== COMMA) throw new SyntaxError('expected a comma')
      at = this.skipSpace(at + 1)
    }
  }

  /**
   * Visits the elements of a list.
   * @param at the opening bracket
   * @param most elements that are visited; the rest is skipped
   * @param enter gets the position of an element, and returns the steps to its end; undefined: it is skipped
   * @returns the end of the list
   */
  *elements(at: number, most: number, enter: (at: number) => Steps<number> | undefined): Steps<number> {
    at = this.skipSpace(at + 1)
    if (this.text.charCodeAt(at) === CLOSE_LIST) return at + 1
    for (let count = 1; ; count++) {
      if (count > most) {
        // A list that is skipped is not checked, so its rest counts as one value.
        const listEnd = this.#skipContainer(at, 1)
        return listEnd === PAUSED ? yield* this.#finish() : listEnd
      }
      const entered = enter(at)
      at = this.skipSpace(yield* entered ?? this.skipValue(at))
      const code = this.text.charCodeAt(at)
      if (code === CLOSE_LIST) return at + 1
      if (code !== COMMA) throw new SyntaxError('expected a comma')
      at = this.skipSpace(at + 1)
    }
  }

  /** @returns the end of the value that begins at a position */
  *skipValue(at: number): Steps<number> {
    const end = this.#skipValue(at)
    return end === PAUSED ? yield* this.#finish() : end
  }

  /** Most values end before a pause, so a generator is made only for those that do not. */
  #skipValue(at: number): number {
    const code = this.text.charCodeAt(at)
    if (code === QUOTE) {
      this.#hasEscape = false
      this.#depth = 0
      return this.#skipString(at + 1)
    }
    return code === OPEN_OBJECT || code === OPEN_LIST ? this.#skipContainer(at + 1, 1) : this.#skipWord(at)
  }

  /** Continues a scan that has paused. */
  *#finish(): Steps<number> {
    for (;;) {
      yield
      this.#pauseAt = this.#at + this.#slice
      const end = this.#resume()
      if (end !== PAUSED) return end
    }
  }

  #resume(): number {
    if (!this.#isInString) return this.#skipContainer(this.#at, this.#depth)
    this.#isInString = false
    const end = this.#skipString(this.#at)
    return end === PAUSED || this.#depth === 0 ? end : this.#skipContainer(end, this.#depth)
  }

  /** @param depth how many objects and lists of the value are open at the position */
  #skipContainer(at: number, depth: number): number {
    const { text } = this
    const stop = Math.min(text.length, this.#pauseAt)
    for (; at < stop; at++) {
      const code = text.charCodeAt(at)
      // Digits, commas, colons and white space are most of what is skipped here.
      if (code <= COLON) {
        if (code === QUOTE) {
          this.#depth = depth
          const end = this.#skipString(at + 1)
          if (end === PAUSED) return PAUSED
          at = end - 1
        }
      } else if (code === OPEN_OBJECT || code === OPEN_LIST) depth++
      else if ((code === CLOSE_OBJECT || code === CLOSE_LIST) && --depth === 0) return at + 1
    }
    if (at >= text.length) throw new SyntaxError('the text ends inside a value')
    this.#at = at
    this.#depth = depth
    return PAUSED
  }

  /**
   * Skips a string, a number, `true`, `false` or `null`, only for a scanner that never pauses.
   * @returns its end
   */
  skipScalar(at: number): number {
    return this.isString(at) ? this.#skipString(at + 1) : this.#skipWord(at)
  }

  #skipWord(at: number): number {
    const start = at
    for (; at < this.text.length; at++) {
      if (at - start > MAX_WORD) throw new SyntaxError('a number is too long')
      const code = this.text.charCodeAt(at)
      if (code === COMMA || code === CLOSE_OBJECT || code === CLOSE_LIST || code <= 0x20) break
    }
    const isValid =
      at - start <= MAX_CHECKED_WORD
        ? WORD.test(this.text.slice(start, at))
        : /^-?\d/.test(this.text.slice(start, start + 2))
    if (!isValid) throw new SyntaxError('expected a value')
    return at
  }

  /** @param index a position within the string, after its opening quote */
  #skipString(index: number): number {
    const { text } = this
    while (index < text.length) {
      for (const end = Math.min(index + SHORT_STRING, text.length); index < end; index++) {
        const code = text.charCodeAt(index)
        if (code === QUOTE) return index + 1
        if (code === BACKSLASH) {
          this.#hasEscape = true
          index++
        }
      }
      if (index >= this.#pauseAt) {
        this.#at = index
        this.#isInString = true
        return PAUSED
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

/**
 * Characters that the native search reads at once: it is slow where half of a character equals the one that it searches.
 */
const SEARCH_WINDOW = 250_000

/** @returns a position before which the text is without the character: its own, or the end of the window */
function positionOf(text: string, search: string, from: number): number {
  const found = text.slice(from, from + SEARCH_WINDOW).indexOf(search)
  return found === -1 ? from + SEARCH_WINDOW : from + found
}
