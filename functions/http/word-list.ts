// A query parameter that is a list of known words, with commas or repeated.
import { z } from '@hono/zod-openapi'

/** @param unknownText says what is wrong with a word that is not known */
export const wordList = <Word extends string>(
  words: readonly Word[],
  unknownText = (word: string) => `'${word.slice(0, 100)}' is none of ${words.join(', ')}`,
) => {
  const isKnown = (word: string): word is Word => (words as readonly string[]).includes(word)
  return z
    .union([z.string(), z.array(z.string())])
    .transform((value, context): Word[] => {
      const named = [value].flat().flatMap((list) => list.split(',').map((word) => word.trim().toLowerCase()))
      const unknown = named.find((word) => !isKnown(word))
      if (unknown !== undefined) context.addIssue({ code: 'custom', message: unknownText(unknown) })
      return named.filter(isKnown)
    })
    .openapi({ type: 'array', items: { type: 'string', enum: [...words] } })
}
