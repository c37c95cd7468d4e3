// JSON that is parsed and printed without a loss: numbers that JavaScript would print differently (1.0,
// 9007199254740993) keep their text.

/**
 * @returns the changed text, or the same text when `change` returns undefined or the text is nested too deeply
 */
export function changeJson(text: string, change: (value: unknown) => unknown): string {
  try {
    const changed = change(parseLossless(text))
    return changed === undefined ? text : JSON.stringify(changed)
  } catch (error) {
    // Nested far deeper than any message: it is left unchanged.
    if (error instanceof RangeError || error instanceof SyntaxError) return text
    throw error
  }
}

/** The result of `JSON.rawJSON`: it is printed as the text that it was made of. */
export type RawNumber = { readonly rawJSON: string }

/** @throws SyntaxError; RangeError for text that is nested too deeply */
export const parseLossless = (text: string): unknown => JSON.parse(text, keepNumbers)

function keepNumbers(_key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source
  if (typeof value !== 'number' || source === undefined || source === String(value)) return value
  return (JSON as unknown as { rawJSON(text: string): RawNumber }).rawJSON(source)
}

export type JsonObject = Record<string, unknown>

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
