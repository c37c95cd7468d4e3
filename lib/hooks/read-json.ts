// Reads some values of a JSON text, and checks all of it, in slices: a body of 25 MB would otherwise stop every other request of
// the process for as long as it is parsed.
import { MAX_NESTING } from '../platform/postgres-text.ts'
import { pauseSlice, SLICE } from '../platform/slices.ts'

/** Keys and indexes separated by dots, or `length` of a list, and the source text of the value there. */
export type JsonSources = ReadonlyMap<string, string>

export class TooDeep extends SyntaxError {}

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a]
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d]

/** The wanted paths as a tree. */
type Wanted = { path: string; isWanted: boolean; members: Map<string, Wanted> }

/** A list or an object that is being read. */
type Frame = { start: number; close: number; count: number; wanted: Wanted | undefined }

/**
 * @param paths the values to read; the empty path is the whole text
 * @throws SyntaxError for text that is not JSON; TooDeep for more than {@link MAX_NESTING} levels
 */
export function readJson(text: string, paths: Iterable<string>): Promise<JsonSources> {
  const root: Wanted = { path: '', isWanted: false, members: new Map() }
  for (const path of paths) {
    let node = root
    for (const key of path === '' ? [] : path.split('.')) {
      const child = node.members.get(key) ?? {
        path: node === root ? key : `${node.path}.${key}`,
        isWanted: false,
        members: new Map<string, Wanted>(),
      }
      node.members.set(key, child)
      node = child
    }
    node.isWanted = true
  }
  return new Reader(text).read(root)
}

class Reader {
  readonly #text: string
  readonly #frames: Frame[] = []
  readonly #found = new Map<string, string>()
  #at = 0
  #pauseAt = SLICE
  /** Where the string begins that is being read; undefined outside of one. */
  #stringStart: number | undefined

  constructor(text: string) {
    this.#text = text
  }

  async read(root: Wanted): Promise<JsonSources> {
    let wanted: Wanted | undefined = root
    this.#skipSpace()
    for (;;) {
      if (this.#at >= this.#pauseAt) {
        await pauseSlice()
        this.#pauseAt = this.#at + SLICE
      }
      const read = this.#readValue(wanted)
      if (read === 'paused') continue
      if (read === 'ended' && !this.#closeFrames()) break
      wanted = this.#beginMember()
    }
    this.#skipSpace()
    if (this.#at < this.#text.length) throw new SyntaxError('text after the value')
    return this.#found
  }

  /**
   * Reads a scalar, or the beginning of a list or an object.
   * @returns `begun` when a member follows; `paused` within a long string, which is then continued
   */
  #readValue(wanted: Wanted | undefined): 'ended' | 'begun' | 'paused' {
    const start = this.#stringStart ?? this.#at
    const code = this.#text.charCodeAt(start)
    if (code === OPEN_LIST || code === OPEN_OBJECT) return this.#beginFrame(code, wanted)
    if (code !== QUOTE) this.#skipWord()
    else if (!this.#skipString(this.#pauseAt)) {
      this.#stringStart = start
      return 'paused'
    }
    this.#stringStart = undefined
    if (wanted !== undefined) this.#forget(wanted)
    this.#ended(wanted, start)
    return 'ended'
  }

  #beginFrame(code: number, wanted: Wanted | undefined): 'ended' | 'begun' {
    if (wanted !== undefined) this.#forget(wanted)
    if (this.#frames.length === MAX_NESTING) throw new TooDeep('nested too deeply')
    const close = code === OPEN_LIST ? CLOSE_LIST : CLOSE_OBJECT
    this.#frames.push({ start: this.#at, close, count: 0, wanted })
    this.#at++
    this.#skipSpace()
    return this.#code() === close ? 'ended' : 'begun'
  }

  /** Ends every list and object that ends here. @returns whether another member follows */
  #closeFrames(): boolean {
    for (let frame = this.#frames.at(-1); frame !== undefined; frame = this.#frames.at(-1)) {
      this.#skipSpace()
      const code = this.#code()
      if (code === COMMA && frame.count > 0) {
        this.#at++
        this.#skipSpace()
        return true
      }
      if (code !== frame.close) throw new SyntaxError('expected a comma or an end')
      this.#at++
      this.#frames.pop()
      const length = frame.close === CLOSE_LIST ? frame.wanted?.members.get('length') : undefined
      if (length?.isWanted === true) this.#found.set(length.path, String(frame.count))
      this.#ended(frame.wanted, frame.start)
    }
    return false
  }

  /** Reads the name of a member. @returns what is wanted of it */
  #beginMember(): Wanted | undefined {
    const frame = this.#frames.at(-1)
    if (frame === undefined) throw new SyntaxError('expected an end')
    const { members } = frame.wanted ?? {}
    if (frame.close === CLOSE_LIST) return members?.get(String(frame.count))
    const start = this.#at
    if (this.#code() !== QUOTE) throw new SyntaxError('expected the name of a member')
    this.#skipString()
    const wanted =
      members === undefined || members.size === 0
        ? undefined
        : members.get(JSON.parse(this.#text.slice(start, this.#at)) as string)
    this.#skipSpace()
    if (this.#code() !== COLON) throw new SyntaxError('expected a colon')
    this.#at++
    this.#skipSpace()
    return wanted
  }

  #ended(wanted: Wanted | undefined, start: number): void {
    if (wanted?.isWanted === true) this.#found.set(wanted.path, this.#text.slice(start, this.#at))
    const parent = this.#frames.at(-1)
    if (parent !== undefined) parent.count++
  }

  /** Of repeated members the last one counts, as in `JSON.parse`. */
  #forget({ members, path }: Wanted): void {
    this.#found.delete(path)
    for (const member of members.values()) this.#forget(member)
  }

  #code(): number {
    return this.#text.charCodeAt(this.#at)
  }

  #skipSpace(): void {
    while (isSpace(this.#code())) this.#at++
  }

  /**
   * @param limit position from which on reading pauses
   * @returns whether the string ended; if not, a second call continues
   */
  #skipString(limit = Number.POSITIVE_INFINITY): boolean {
    const text = this.#text
    let at = this.#stringStart === undefined ? this.#at + 1 : this.#at
    for (; at < text.length; at++) {
      if (at >= limit) {
        this.#at = at
        return false
      }
      const code = text.charCodeAt(at)
      if (code === QUOTE) {
        this.#at = at + 1
        return true
      }
      if (code < 0x20) throw new SyntaxError('a control character in a string')
      if (code !== BACKSLASH) continue
      at++
      if (text.charCodeAt(at) === LETTER_U && HEX.test(text.slice(at + 1, at + 5))) at += 4
      else if (!ESCAPES.has(text.charAt(at))) throw new SyntaxError('an unknown escape')
    }
    throw new SyntaxError('the text ends inside a string')
  }

  /** A number, `true`, `false` or `null`. */
  #skipWord(): void {
    const text = this.#text
    const start = this.#at
    let end = start
    let areDigits = true
    for (; end < text.length; end++) {
      const code = text.charCodeAt(end)
      if (code === COMMA || code === CLOSE_LIST || code === CLOSE_OBJECT || isSpace(code)) break
      areDigits &&= code >= 0x30 && code <= 0x39
      if (end - start === LONGEST_WORD) throw new SyntaxError(`a word longer than ${LONGEST_WORD} characters`)
    }
    const isPlain = areDigits && (end === start + 1 || (end > start && text.charCodeAt(start) !== 0x30))
    if (!isPlain && !WORD.test(text.slice(start, end))) throw new SyntaxError('expected a value')
    this.#at = end
  }
}

const isSpace = (code: number) => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09

/** No number has more characters. It is read without a pause, and so is text that is no JSON. */
const LONGEST_WORD = 10_000

const LETTER_U = 0x75
const HEX = /^[0-9a-fA-F]{4}$/
const ESCAPES = new Set('"\\/bfnrt')
const WORD = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)$/
