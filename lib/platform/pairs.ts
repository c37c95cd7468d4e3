// Lists of name=value, as settings and queries have them. Of a name that is given twice, one value would be lost without a word.

/** Why a list of pairs cannot be read. `at` is the place in the list, from 0. */
export type PairProblem = { kind: 'malformed'; at: number } | { kind: 'repeated'; name: string }

/**
 * Splits each text at its first `=`.
 * @param refuse called for a text without a name or without `=`, and for a name that was there before
 */
export function readPairs(
  texts: readonly string[],
  refuse: (problem: PairProblem) => void,
): Map<string, string> {
  const pairs = new Map<string, string>()
  for (const [at, text] of texts.entries()) {
    const split = text.indexOf('=')
    const name = text.slice(0, Math.max(0, split))
    if (name === '') refuse({ kind: 'malformed', at })
    else if (pairs.has(name)) refuse({ kind: 'repeated', name })
    else pairs.set(name, text.slice(split + 1))
  }
  return pairs
}
