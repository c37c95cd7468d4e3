// The native search for one character, in a window of a text: it is slow where half of a character equals the one that it searches,
// so it must not read all of a large text at once.

/** Characters that are searched at once. */
const WINDOW = 250_000

/** @returns a position before which the text is without the character: its own, or the end of the window */
export function searchWindow(text: string, search: string, from: number): number {
  const found = text.slice(from, from + WINDOW).indexOf(search)
  return found === -1 ? from + WINDOW : from + found
}
