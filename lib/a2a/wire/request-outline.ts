// The parts of a JSON-RPC request that the proxy reads or completes, as positions in its text. One pass over the
// text: a body of 10 MB is read in milliseconds, and its other members are neither built nor checked.
import type { Steps } from '../../platform/slices.ts'
import { JsonScanner, type Span } from './json-scanner.ts'

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

const BODY_MEMBERS = new Set(['id', 'method', 'jsonrpc', 'params'])
const PARAMS_MEMBERS = new Set(['message', 'messageId'])
const MESSAGE_MEMBERS = new Set(['kind', 'messageId', 'contextId', 'parts'])
const PART_MEMBERS = new Set(['kind', 'type', 'text'])

/**
 * @param slice after how many characters it pauses; the default is never
 * @returns undefined for a text that is not one JSON object. Of repeated members the last one counts, as in
 *   `JSON.parse`.
 */
export function* outlineRequest(text: string, slice?: number): Steps<RequestOutline | undefined> {
  const scanner = new JsonScanner(text, slice)
  try {
    const start = scanner.skipSpace(0)
    if (!scanner.isObject(start)) return undefined
    const outline: RequestOutline = {
      id: undefined,
      method: undefined,
      hasJsonrpc: false,
      insertion: insertionAfter(scanner, start),
      params: undefined,
      message: undefined,
      paramsMessageId: undefined,
    }
    const end = yield* scanner.members(start, BODY_MEMBERS, {
      enter: (name, at) => (name === 'params' ? readParams(scanner, at, outline) : undefined),
      found(name, span) {
        if (name === 'id') outline.id = span
        else if (name === 'method') outline.method = span
        else outline.hasJsonrpc = true
      },
    })
    return scanner.skipSpace(end) === text.length ? outline : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function* readParams(scanner: JsonScanner, start: number, outline: RequestOutline): Steps<number> {
  outline.message = undefined
  outline.paramsMessageId = undefined
  const end = scanner.isObject(start)
    ? yield* scanner.members(start, PARAMS_MEMBERS, {
        enter: (name, at) => (name === 'message' ? readMessage(scanner, at, outline) : undefined),
        found: (_, span) => void (outline.paramsMessageId = span),
      })
    : yield* scanner.skipValue(start)
  outline.params = { start, end }
  return end
}

function* readMessage(scanner: JsonScanner, start: number, outline: RequestOutline): Steps<number> {
  outline.message = undefined
  if (!scanner.isObject(start)) return yield* scanner.skipValue(start)
  const message: MessageOutline = {
    insertion: insertionAfter(scanner, start),
    hasKind: false,
    messageId: undefined,
    contextId: undefined,
    incompleteParts: [],
  }
  outline.message = message
  return yield* scanner.members(start, MESSAGE_MEMBERS, {
    enter: (name, at) => (name === 'parts' ? readParts(scanner, at, message) : undefined),
    found(name, span) {
      if (name === 'messageId') message.messageId = span
      else if (name === 'contextId') message.contextId = span
      else message.hasKind = true
    },
  })
}

function* readParts(scanner: JsonScanner, start: number, message: MessageOutline): Steps<number> {
  message.incompleteParts = []
  if (!scanner.isList(start)) return yield* scanner.skipValue(start)
  let count = 0
  const end = yield* scanner.elements(start, MAX_COMPLETED_PARTS + 1, (at) =>
    ++count > MAX_COMPLETED_PARTS || !scanner.isObject(at) ? undefined : readPart(scanner, at, message),
  )
  if (count > MAX_COMPLETED_PARTS) message.incompleteParts = []
  return end
}

/** Molecule's own callers write `type` for `kind` (docs/facts/molecule.md §1.7). */
function* readPart(scanner: JsonScanner, start: number, message: MessageOutline): Steps<number> {
  let hasKind = false
  let type: Span | undefined
  let isText = false
  const end = yield* scanner.members(start, PART_MEMBERS, {
    found(name, span) {
      if (name === 'kind') hasKind = true
      else if (name === 'type') type = span
      else isText = scanner.isString(span.start)
    },
  })
  const kind = hasKind ? undefined : impliedKind(scanner.text, type, isText)
  if (kind !== undefined) message.incompleteParts.push({ insertion: insertionAfter(scanner, start), kind })
  return end
}

function impliedKind(text: string, type: Span | undefined, isText: boolean): string | undefined {
  if (type === undefined) return isText ? 'text' : undefined
  return PART_KINDS.get(text.slice(type.start, type.end))
}

/** As they are written in JSON. */
const PART_KINDS = new Map(['text', 'file', 'data'].map((kind) => [`"${kind}"`, kind]))

function insertionAfter(scanner: JsonScanner, start: number): Insertion {
  return { at: start + 1, isEmpty: scanner.text.charCodeAt(scanner.skipSpace(start + 1)) === 0x7d }
}

/**
 * The string at a position; undefined for another value, and for a string longer than `maxLength` as it is written.
 */
export function stringAt(text: string, span: Span | undefined, maxLength: number): string | undefined {
  if (span === undefined || span.end - span.start > maxLength || text[span.start] !== '"') return undefined
  try {
    return JSON.parse(text.slice(span.start, span.end)) as string
  } catch {
    return undefined
  }
}
