// The known word that a text resembles, for messages that say "did you mean".

const MAX_EDITS = 2

/** @returns the first word within two edits of the text; undefined for none */
export const nearestWord = (text: string, words: readonly string[]): string | undefined =>
  words.find((word) => editDistance(text, word) <= MAX_EDITS)

/** Insertions, deletions and replacements of one character that turn one text into the other (Levenshtein). */
function editDistance(from: string, to: string): number {
  if (Math.abs(from.length - to.length) > MAX_EDITS) return Infinity
  let row = Array.from({ length: to.length + 1 }, (_, at) => at)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] ?? 0) + Number(from[i - 1] !== to[j - 1])
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[to.length] ?? 0
}
