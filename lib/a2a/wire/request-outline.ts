// The parts of a JSON-RPC request that the proxy reads or completes, as positions in its bytes. One pass over them:
// a body of 10 MB is read in milliseconds, and its other members are neither built nor checked.
import type { Steps } from '../../platform/slices.ts'
import { JsonScanner, type Place, type Visitor } from './json-scanner.ts'
import { type Span, textAt } from './span.ts'

export type RequestOutline = {
  id: Span | undefined
  method: Span | undefined
  hasJsonrpc: boolean
  /** Where a member can be inserted. */
  insertion: Insertion
  params: Span | undefined
  /** `params.message`, when both are objects. */
  message: MessageOutline | undefined
  /** `params.messageId`, where an example of 0.3 puts it (docs/facts/a2a.md §1.4). */
  paramsMessageId: Span | undefined
}

export type MessageOutline = {
  insertion: Insertion
  hasKind: boolean
  messageId: Span | undefined
  contextId: Span | undefined
  /** Parts that lack `kind`, with the kind that their other members imply. */
  incompleteParts: { insertion: Insertion; kind: string }[]
}

/** The position after an opening brace, and whether other members follow. */
export type Insertion = { at: number; isEmpty: boolean }

/** The parts of a message are completed only if there are at most this many, so that the effort is bounded. */
export const MAX_COMPLETED_PARTS = 1_000

const ID: Place = {}
const METHOD: Place = {}
const JSONRPC: Place = {}
const PARAMS_MESSAGE_ID: Place = {}
const KIND: Place = {}
const MESSAGE_ID: Place = {}
const CONTEXT_ID: Place = {}
const PART_KIND: Place = {}
const PART_TYPE: Place = {}
const PART_TEXT: Place = {}

const PART = placeOf({ kind: PART_KIND, type: PART_TYPE, text: PART_TEXT })
const PARTS: Place = { elements: PART, most: MAX_COMPLETED_PARTS + 1 }
const MESSAGE = placeOf({ kind: KIND, messageId: MESSAGE_ID, contextId: CONTEXT_ID, parts: PARTS })
const PARAMS = placeOf({ message: MESSAGE, messageId: PARAMS_MESSAGE_ID })
const BODY = placeOf({ id: ID, method: METHOD, jsonrpc: JSONRPC, params: PARAMS })

function placeOf(members: Record<string, Place>): Place {
  return { members: Object.entries(members) }
}

/**
 * @param bytes UTF-8
 * @returns undefined for what is not one JSON object. Of repeated members the last one counts, as in `JSON.parse`.
 */
export function outlineRequest(bytes: Uint8Array): RequestOutline | undefined {
  try {
    const reader = new OutlineReader(bytes)
    return reader.outlineUntil(reader.scanner.scan(BODY, reader.start))
  } catch (error) {
    return undefinedIfSyntax(error)
  }
}

/** The same in slices. @param slice after how many bytes it pauses */
export function* outlineInSlices(bytes: Uint8Array, slice: number): Steps<RequestOutline | undefined> {
  try {
    const reader = new OutlineReader(bytes, slice)
    return reader.outlineUntil(yield* reader.scanner.scanInSlices(BODY, reader.start))
  } catch (error) {
    return undefinedIfSyntax(error)
  }
}

function undefinedIfSyntax(error: unknown): undefined {
  if (!(error instanceof SyntaxError)) throw error
}

class OutlineReader implements Visitor {
  readonly scanner: JsonScanner
  readonly start: number
  readonly #outline: RequestOutline
  /** The parts of the message so far, and the members of the last one. */
  #parts = 0
  #hasKind = false
  #type: Span | undefined
  #isText = false

  /** @throws SyntaxError */
  constructor(bytes: Uint8Array, slice?: number) {
    this.scanner = new JsonScanner(bytes, this, slice)
    this.start = this.scanner.skipSpace(0)
    if (!this.scanner.isObject(this.start)) throw new SyntaxError('expected an object')
    this.#outline = {
      id: undefined,
      method: undefined,
      hasJsonrpc: false,
      insertion: insertionAfter(this.scanner, this.start),
      params: undefined,
      message: undefined,
      paramsMessageId: undefined,
    }
  }

  /** @returns undefined if anything follows the object */
  outlineUntil(end: number): RequestOutline | undefined {
    return this.scanner.skipSpace(end) === this.scanner.bytes.length ? this.#outline : undefined
  }

  begin(place: Place, at: number): void {
    const outline = this.#outline
    if (place === PARAMS) {
      outline.message = undefined
      outline.paramsMessageId = undefined
    } else if (place === MESSAGE) {
      outline.message = this.scanner.isObject(at) ? emptyMessage(insertionAfter(this.scanner, at)) : undefined
    } else if (place === PARTS) {
      this.#parts = 0
      if (outline.message !== undefined) outline.message.incompleteParts = []
    } else if (place === PART) {
      this.#parts++
      this.#hasKind = false
      this.#type = undefined
      this.#isText = false
    }
  }

  end(place: Place, start: number, end: number): void {
    const outline = this.#outline
    if (place === ID) outline.id = { start, end }
    else if (place === METHOD) outline.method = { start, end }
    else if (place === JSONRPC) outline.hasJsonrpc = true
    else if (place === PARAMS) outline.params = { start, end }
    else if (place === PARAMS_MESSAGE_ID) outline.paramsMessageId = { start, end }
    else if (outline.message !== undefined) this.#endOf(outline.message, place, start, end)
  }

  #endOf(message: MessageOutline, place: Place, start: number, end: number): void {
    if (place === KIND) message.hasKind = true
    else if (place === MESSAGE_ID) message.messageId = { start, end }
    else if (place === CONTEXT_ID) message.contextId = { start, end }
    else if (place === PART_KIND) this.#hasKind = true
    else if (place === PART_TYPE) this.#type = { start, end }
    else if (place === PART_TEXT) this.#isText = this.scanner.isString(start)
    else if (place === PART) this.#endPart(message, start)
    else if (place === PARTS && this.#parts > MAX_COMPLETED_PARTS) message.incompleteParts = []
  }

  /** Molecule's own callers write `type` for `kind` (docs/facts/molecule.md §1.7). */
  #endPart(message: MessageOutline, start: number): void {
    const kind = this.#hasKind ? undefined : impliedKind(this.scanner.bytes, this.#type, this.#isText)
    if (kind !== undefined)
      message.incompleteParts.push({ insertion: insertionAfter(this.scanner, start), kind })
  }
}

const emptyMessage = (insertion: Insertion): MessageOutline => ({
  insertion,
  hasKind: false,
  messageId: undefined,
  contextId: undefined,
  incompleteParts: [],
})

function impliedKind(bytes: Uint8Array, type: Span | undefined, isText: boolean): string | undefined {
  if (type === undefined) return isText ? 'text' : undefined
  return type.end - type.start > MAX_KIND ? undefined : PART_KINDS.get(textAt(bytes, type))
}

/** Longest kind, in bytes as it is written. */
const MAX_KIND = 6

/** As they are written in JSON. */
const PART_KINDS = new Map(['text', 'file', 'data'].map((kind) => [`"${kind}"`, kind]))

function insertionAfter(scanner: JsonScanner, start: number): Insertion {
  return { at: start + 1, isEmpty: scanner.bytes[scanner.skipSpace(start + 1)] === 0x7d }
}

/**
 * The string at a position; undefined for another value, and for a string of more than `maxLength` bytes as it is written.
 * @param ascii as for `textAt`
 */
export function stringAt(
  bytes: Uint8Array,
  span: Span | undefined,
  maxLength: number,
  ascii?: string,
): string | undefined {
  if (span === undefined || span.end - span.start > maxLength || bytes[span.start] !== 0x22) return undefined
  try {
    return JSON.parse(textAt(bytes, span, ascii)) as string
  } catch {
    return undefined
  }
}
