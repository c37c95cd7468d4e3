// A part of a body by its position. The bytes of a body are read in place, and only short parts of it become text.

/** Where a value is in bytes. `end` is exclusive. */
export type Span = { start: number; end: number }

const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** @param ascii all of the bytes as text, if they are ASCII and it is there: taking a part of it is much faster than decoding */
export const textAt = (bytes: Uint8Array, { end, start }: Span, ascii?: string): string =>
  ascii === undefined ? UTF8.decode(bytes.subarray(start, end)) : ascii.slice(start, end)

/** Short text of ASCII: each byte becomes a character, which is faster than decoding. */
export function wordAt(bytes: Uint8Array, { end, start }: Span): string {
  let word = ''
  for (let at = start; at < end; at++) word += String.fromCharCode(bytes[at] ?? 0)
  return word
}

/** Whether a text of ASCII is at a position. */
export function isAt(bytes: Uint8Array, start: number, text: string): boolean {
  for (let at = 0; at < text.length; at++) if (bytes[start + at] !== text.charCodeAt(at)) return false
  return true
}
