// Finds values in JSON by their position in its UTF-8, in one pass and without building them, so that a large message can be
// read and edited cheaply: as text it would need its memory once more. The structure of the objects and lists that are visited is
// checked; values that are skipped are not. A scan pauses after each slice of the bytes, wherever it is. It is a loop with a stack of
// its own and no generator, because each message is scanned.
import type { Steps } from '../../platform/slices.ts'
import { searchWindow } from './search-window.ts'
import { isAt, textAt, wordAt } from './span.ts'

/** A place in JSON that is visited: the members of its object, or the elements of its list, that are visited too. */
export type Place = {
  members?: readonly (readonly [name: string, place: Place])[]
  elements?: Place
  /** Elements that are visited; the rest of the list is skipped. */
  most?: number
}

/** Learns of each value at a place, also of one that is no object or list and is skipped. */
export type Visitor = {
  begin(place: Place, at: number): void
  end(place: Place, start: number, end: number): void
}

type Container = { place: Place; start: number; count: number }

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** Bytes of a string that are compared one by one before the native search is used, which is faster only for long strings. */
const SHORT_STRING = 64

/** Objects that are visited have at most this many members; more are far more than A2A knows. */
const MAX_MEMBERS = 10_000

/** Longest white space between two tokens, and longest number, in bytes. */
const MAX_SPACE = 250_000
const MAX_WORD = 250_000

/** Of longer numbers only the first digits are checked. */
const MAX_CHECKED_WORD = 1_000

/** Returned in place of the end of a value whose scan has paused. */
const PAUSED = -1

/**
 * Positions only move forward, so one scanner reads its bytes once. All methods throw SyntaxError for malformed JSON.
 */
export class JsonScanner {
  readonly bytes: Uint8Array
  readonly #visitor: Visitor
  readonly #slice: number
  readonly #containers: Container[] = []
  /** What is being skipped: the name of a member, or the value at a place, or another value. */
  #isName = false
  #place: Place | undefined
  #start = 0
  /** It paused between two members. */
  #isBetween = false
  /** Where the scan pauses next. */
  #pauseAt: number
  /** A scan that has paused within a value: its position, its depth, and whether it is in a string. */
  #at = 0
  #depth = 0
  #isInString = false
  /** Positions found by the native search. They are kept, so that no part of the bytes is searched twice. */
  #nextQuote = -1
  #nextBackslash = -1
  #hasEscape = false

  /** @param slice after how many bytes a scan pauses; the default is never */
  constructor(bytes: Uint8Array, visitor: Visitor, slice = Number.POSITIVE_INFINITY) {
    this.bytes = bytes
    this.#visitor = visitor
    this.#slice = slice
    this.#pauseAt = slice
  }

  isObject(at: number): boolean {
    return this.bytes[at] === OPEN_OBJECT
  }

  isString(at: number): boolean {
    return this.bytes[at] === QUOTE
  }

  /** @returns the position of the next character that is not white space */
  skipSpace(at: number): number {
    for (const stop = at + MAX_SPACE; at < stop; at++) {
      const code = this.bytes[at]
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at
    }
    throw new SyntaxError('too much white space')
  }

  /** Scans the value at a position without a pause. @returns its end */
  scan(place: Place, at: number): number {
    return this.#continue(this.#enter(place, at))
  }

  /** The same with a pause after each slice. */
  *scanInSlices(place: Place, at: number): Steps<number> {
    let end = this.scan(place, at)
    while (end === PAUSED) {
      yield
      this.#pauseAt = this.#at + this.#slice
      end = this.#continue(this.#resume())
    }
    return end
  }

  /** @param end of a name or value that was skipped. @returns the end of the whole, or PAUSED */
  #continue(end: number): number {
    while (end !== PAUSED) {
      const container = this.#containers.at(-1)
      if (this.#isName) {
        const place = this.#placeOf(container?.place.members ?? [], this.#start, end)
        const at = this.skipSpace(end)
        if (this.bytes[at] !== COLON) throw new SyntaxError('expected a colon')
        end = this.#enter(place, this.skipSpace(at + 1))
        continue
      }
      if (this.#place !== undefined) this.#visitor.end(this.#place, this.#start, end)
      if (container === undefined) return end
      const at = this.skipSpace(end)
      const code = this.bytes[at]
      if (code === (container.place.members === undefined ? CLOSE_LIST : CLOSE_OBJECT))
        end = this.#leave(at + 1)
      else if (code === COMMA) end = this.#next(container, this.skipSpace(at + 1))
      else throw new SyntaxError('expected a comma')
    }
    return PAUSED
  }

  /** Begins a value. */
  #enter(place: Place | undefined, at: number): number {
    this.#isName = false
    this.#place = place
    this.#start = at
    if (place === undefined) return this.#skipValue(at)
    this.#visitor.begin(place, at)
    const isObject = place.members !== undefined && this.isObject(at)
    if (!isObject && (place.elements === undefined || this.bytes[at] !== OPEN_LIST))
      return this.#skipValue(at)
    const container = { place, start: at, count: 0 }
    this.#containers.push(container)
    const first = this.skipSpace(at + 1)
    const isEmpty = this.bytes[first] === (isObject ? CLOSE_OBJECT : CLOSE_LIST)
    return isEmpty ? this.#leave(first + 1) : this.#next(container, first)
  }

  /** The innermost object or list is the value that has ended. */
  #leave(end: number): number {
    const container = this.#containers.pop()
    this.#place = container?.place
    this.#start = container?.start ?? 0
    return end
  }

  /** Begins a member or an element. */
  #next(container: Container, at: number): number {
    const { elements, most = Number.POSITIVE_INFINITY } = container.place
    if (elements !== undefined) {
      if (++container.count <= most) return this.#enter(elements, at)
      // A list that is skipped is not checked, so its rest counts as one value.
      this.#leave(at)
      return this.#skipContainer(at, 1)
    }
    if (at >= this.#pauseAt) {
      this.#at = at
      this.#isBetween = true
      return PAUSED
    }
    if (++container.count > MAX_MEMBERS) throw new SyntaxError('too many members')
    if (!this.isString(at)) throw new SyntaxError('expected the name of a member')
    this.#isName = true
    this.#start = at
    return this.#skipValue(at)
  }

  #skipValue(at: number): number {
    const code = this.bytes[at]
    if (code === QUOTE) {
      this.#hasEscape = false
      this.#depth = 0
      return this.#skipString(at + 1)
    }
    return code === OPEN_OBJECT || code === OPEN_LIST ? this.#skipContainer(at + 1, 1) : this.#skipWord(at)
  }

  #resume(): number {
    const container = this.#containers.at(-1)
    if (this.#isBetween && container !== undefined) {
      this.#isBetween = false
      return this.#next(container, this.#at)
    }
    if (!this.#isInString) return this.#skipContainer(this.#at, this.#depth)
    this.#isInString = false
    const end = this.#skipString(this.#at)
    return end === PAUSED || this.#depth === 0 ? end : this.#skipContainer(end, this.#depth)
  }

  /** @param depth how many objects and lists of the value are open at the position */
  #skipContainer(at: number, depth: number): number {
    const { bytes } = this
    const stop = Math.min(bytes.length, this.#pauseAt)
    for (; at < stop; at++) {
      const code = bytes[at] ?? 0
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
    if (at >= bytes.length) throw new SyntaxError('the text ends inside a value')
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
    for (; at < this.bytes.length; at++) {
      if (at - start > MAX_WORD) throw new SyntaxError('a number is too long')
      const code = this.bytes[at] ?? 0
      if (code === COMMA || code === CLOSE_OBJECT || code === CLOSE_LIST || code <= 0x20) break
    }
    const isWhole = at - start <= MAX_CHECKED_WORD
    const word = wordAt(this.bytes, { start, end: isWhole ? at : start + 2 })
    if (!(isWhole ? WORD : /^-?\d/).test(word)) throw new SyntaxError('expected a value')
    return at
  }

  /** @param index a position within the string, after its opening quote */
  #skipString(index: number): number {
    const { bytes } = this
    while (index < bytes.length) {
      for (const end = Math.min(index + SHORT_STRING, bytes.length); index < end; index++) {
        const code = bytes[index]
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
      if (this.#nextQuote < index) this.#nextQuote = searchWindow(bytes, QUOTE, index)
      if (this.#nextBackslash < index) this.#nextBackslash = searchWindow(bytes, BACKSLASH, index)
      index = Math.min(this.#nextQuote, this.#nextBackslash)
    }
    throw new SyntaxError('the text ends inside a string')
  }

  /** @returns the place of the member whose name is at a position; undefined for one that is not visited */
  #placeOf(members: NonNullable<Place['members']>, start: number, end: number): Place | undefined {
    // Names that are longer than any member of A2A's envelope are not decoded.
    const decoded =
      this.#hasEscape && end - start <= MAX_NAME_LENGTH
        ? (JSON.parse(textAt(this.bytes, { start, end })) as string)
        : undefined
    for (const [name, place] of members) {
      const isName =
        decoded === undefined
          ? end - start - 2 === name.length && isAt(this.bytes, start + 1, name)
          : decoded === name
      if (isName) return place
    }
    return undefined
  }
}

const WORD = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)$/

/** With quotes, and with each character written as an escape of six. */
const MAX_NAME_LENGTH = 100
