// JSON that is parsed and printed without a loss: numbers that JavaScript would print differently (1.0,
// 9007199254740993) keep their text.
import { JsonScanner, type Span } from './json-scanner.ts'

/** Parsed JSON. In `value` a string with a random prefix stands for each number that is not exact in JavaScript. */
export type LosslessJson = {
  value: unknown
  /** Prints this value, a part of it or a changed copy as JSON, with the numbers as they were written. */
  print: (value: unknown) => string
}

/**
 * Parses JSON without a loss. A reviver sees the text of numbers, too, but makes parsing 40 times as slow.
 * @throws SyntaxError; RangeError for text that is nested too deeply
 */
export function parseLossless(text: string): LosslessJson {
  const parsed: unknown = JSON.parse(text)
  const inexact = inexactNumbers(text)
  if (inexact.length === 0 || inexact.length > MAX_INEXACT_NUMBERS)
    return { value: parsed, print: (value) => JSON.stringify(value) }
  const prefix = crypto.randomUUID()
  const pieces: string[] = []
  let copiedTo = 0
  for (const { end, start } of inexact) {
    pieces.push(text.slice(copiedTo, start), `"${prefix}${text.slice(start, end)}"`)
    copiedTo = end
  }
  const placeholder = new RegExp(`"${prefix}([^"]*)"`, 'g')
  return {
    value: JSON.parse(pieces.join('') + text.slice(copiedTo)),
    print: (value) => JSON.stringify(value).replaceAll(placeholder, '$1'),
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

/** A text with more inexact numbers than this is parsed with the loss, so that the effort is bounded. */
const MAX_INEXACT_NUMBERS = 10_000

/** Integers of at most 15 digits are exact. */
const SHORT_INTEGER = /^(?:0|-?[1-9]\d{0,14})$/

function inexactNumbers(text: string): Span[] {
  const scanner = new JsonScanner(text)
  const spans: Span[] = []
  for (let at = 0; at < text.length && spans.length <= MAX_INEXACT_NUMBERS;) {
    const code = text.charCodeAt(at)
    if (code === 0x2d || (code >= 0x30 && code <= 0x39)) {
      const end = scanner.skipValue(at)
      const source = text.slice(at, end)
      if (!SHORT_INTEGER.test(source) && String(Number(source)) !== source) spans.push({ start: at, end })
      at = end
    } else {
      at = scanner.isString(at) ? scanner.skipValue(at) : at + 1
    }
  }
  return spans
}
