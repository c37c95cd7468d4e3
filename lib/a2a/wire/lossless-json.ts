// JSON that is changed in one place and stays what it was in all others: numbers that JavaScript would read as other
// numbers (1.0, 9007199254740993) keep their text.

/**
 * @returns the changed text, or the same text when `change` returns undefined or the text is nested too deeply to be walked
 */
export function changeJson(text: string, change: (value: unknown) => unknown): string {
  try {
    const changed = change(parseLossless(text))
    return changed === undefined ? text : JSON.stringify(changed)
  } catch (error) {
    // Far deeper than any message: left as it is, for the agent to judge.
    if (error instanceof RangeError || error instanceof SyntaxError) return text
    throw error
  }
}

/** What `JSON.rawJSON` makes: written down, it is the text it was made of. */
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
