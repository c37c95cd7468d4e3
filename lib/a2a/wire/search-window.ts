// The native search for one byte, in a window, so that it does not read all of a large body at once.

/** Bytes that are searched at once. */
const WINDOW = 250_000

/** @returns a position before which the bytes are without the searched one: its own, or the end of the window */
export function searchWindow(bytes: Uint8Array, searched: number, from: number): number {
  const found = bytes.subarray(from, from + WINDOW).indexOf(searched)
  return found === -1 ? from + WINDOW : from + found
}
