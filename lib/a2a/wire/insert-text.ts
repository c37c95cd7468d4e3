// Inserts text into a body. A large one is copied in slices, between which other requests continue.
import { runInSlices, SLICE, type Steps } from '../../platform/slices.ts'

/** A text, and its position in the bytes of the body. */
export type InsertedText = { at: number; text: string }

const UTF8 = new TextEncoder()

/** @param insertions in ascending order of their positions */
export function insertText(
  body: Uint8Array,
  insertions: readonly InsertedText[],
): Uint8Array | Promise<Uint8Array> {
  if (insertions.length === 0) return body
  if (body.length > SLICE) return runInSlices(insertInSlices(body, insertions, SLICE))
  // It does not pause before the end of a slice.
  return insertInSlices(body, insertions, SLICE + 1).next().value ?? body
}

/** @param slice after how many bytes it pauses */
export function* insertInSlices(
  body: Uint8Array,
  insertions: readonly InsertedText[],
  slice: number,
): Steps<Uint8Array> {
  const added = insertions.map(({ at, text }) => ({ at, bytes: UTF8.encode(text) }))
  const whole = new Uint8Array(added.reduce((sum, { bytes }) => sum + bytes.length, body.length))
  let from = 0
  let to = 0
  let pauseAt = slice
  for (const { at, bytes } of [...added, { at: body.length, bytes: new Uint8Array() }]) {
    while (from < at) {
      if (from === pauseAt) {
        yield
        pauseAt += slice
      }
      const piece = body.subarray(from, Math.min(at, pauseAt))
      whole.set(piece, to)
      from += piece.length
      to += piece.length
    }
    whole.set(bytes, to)
    to += bytes.length
  }
  return whole
}
