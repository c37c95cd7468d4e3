// JSON that is parsed and printed without a loss: numbers that JavaScript would print differently (1.0,
// 9007199254740993) and names that need an escape keep their text.
import { JsonScanner } from './json-scanner.ts'
import { type Span, textAt } from './span.ts'

/**
 * Parsed JSON. In `value` a string with a random prefix stands for each number that is not exact in JavaScript, and for
 * each name of a member that needs an escape.
 */
export type LosslessJson = {
  value: unknown
  /** Prints this value, a part of it or a changed copy as JSON, with these numbers and names as they were written. */
  print: (value: unknown) => string
}

/**
 * Parses JSON without a loss. A reviver sees the text of numbers, too, but makes parsing 40 times as slow. Names are
 * parsed without escapes, because V8 (as in Node 24.21) mistakes an escaped name for another name with a backslash that it read before.
 * @throws SyntaxError; RangeError for text that is nested too deeply
 */
export function parseLossless(text: string): LosslessJson {
  const parsed: unknown = JSON.parse(text)
  const bytes = new TextEncoder().encode(text)
  const inexact = inexactSpans(bytes)
  if (inexact.length === 0 || inexact.length > MAX_INEXACT)
    return { value: parsed, print: (value) => JSON.stringify(value) }
  const prefix = crypto.randomUUID()
  const names: string[] = []
  const pieces: string[] = []
  let copiedTo = 0
  for (const { end, start } of inexact) {
    const source = textAt(bytes, { start, end })
    pieces.push(
      textAt(bytes, { start: copiedTo, end: start }),
      source.startsWith('"') ? nameOf(source) : `"${prefix}${source}"`,
    )
    copiedTo = end
  }
  function nameOf(source: string): string {
    const plain = JSON.stringify(JSON.parse(source))
    return plain.includes('\\') ? `"${prefix}#${names.push(source) - 1}"` : plain
  }
  const placeholder = new RegExp(`"${prefix}(#?)([^"]*)"`, 'g')
  const restore = (_: string, mark: string, rest: string) =>
    mark === '' ? rest : (names[Number(rest)] ?? '')
  return {
    value: JSON.parse(pieces.join('') + textAt(bytes, { start: copiedTo, end: bytes.length })),
    print: (value) => JSON.stringify(value).replaceAll(placeholder, restore),
  }
}

/**
 * @returns the changed text, or the same text when `change` returns undefined or the text is nested too deeply
 */
export function changeJson(text: string, change: (value: unknown) => unknown): string {
  try {
    const { print, value } = parseLossless(text)
    const changed = change(value)
    return changed === undefined ? text : print(changed)
  } catch (error) {
    // Nested far deeper than any message: it is left unchanged.
    if (error instanceof RangeError || error instanceof SyntaxError) return text
    throw error
  }
}

/** The result of `JSON.rawJSON`: it is printed as the text that it was made of. */
export type RawNumber = { readonly rawJSON: string }

/** A number as JSON prints it: itself if that is exact, else as its text. @param source a JSON number */
export function losslessNumber(source: string): number | RawNumber {
  const value = Number(source)
  // TypeScript does not know it yet (ECMAScript 2026, JSON.parse source text access).
  return String(value) === source ? value : (JSON as unknown as RawJson).rawJSON(source)
}

type RawJson = { rawJSON(text: string): RawNumber }

/** A text with more inexact numbers and escaped names than this is parsed with the loss, so that the effort is bounded. */
const MAX_INEXACT = 10_000

const isExact = (source: string) => String(Number(source)) === source

const isDigit = (code = 0) => code >= 0x30 && code <= 0x39

/** Integers of at most so many digits are exact. */
const SHORT_INTEGER = 15

/** @returns the end of a short integer that begins here; `at` for any other number, a negative zero included */
function endOfShortInteger(bytes: Uint8Array, at: number): number {
  const start = bytes[at] === 0x2d ? at + 1 : at
  let end = start
  while (isDigit(bytes[end])) end++
  const next = bytes[end]
  const isInteger = next !== 0x2e && next !== 0x65 && next !== 0x45
  const isZero = bytes[start] === 0x30
  return isInteger && end - start <= SHORT_INTEGER && !(isZero && start > at) ? end : at
}

/** The numbers that JavaScript would print differently, and the names that are written with an escape. */
function inexactSpans(bytes: Uint8Array): Span[] {
  const scanner = new JsonScanner(bytes, { begin() {}, end() {} })
  const spans: Span[] = []
  for (let at = 0; at < bytes.length && spans.length <= MAX_INEXACT;) {
    const code = bytes[at]
    const isNumber = code === 0x2d || isDigit(code)
    const afterInteger = isNumber ? endOfShortInteger(bytes, at) : at
    if (afterInteger > at) {
      at = afterInteger
      continue
    }
    if (!isNumber && !scanner.isString(at)) {
      at++
      continue
    }
    const span = { start: at, end: scanner.skipScalar(at) }
    at = span.end
    const isName = !isNumber && bytes[scanner.skipSpace(at)] === 0x3a
    if (!isNumber && !isName) continue
    const source = textAt(bytes, span)
    if (isName ? source.includes('\\') : !isExact(source)) spans.push(span)
  }
  return spans
}
