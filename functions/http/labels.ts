// Labels in a query, as `label=team=research`: workspaces that have all of them.
import { z } from '@hono/zod-openapi'
import { invalidField } from '../../lib/platform/errors.ts'
import { readPairs } from '../../lib/platform/pairs.ts'
import { isStorable, NOT_STORABLE } from '../../lib/platform/postgres-text.ts'

export const LabelPairs = z
  .union([z.string(), z.array(z.string())])
  .transform((label) => [label].flat())
  .openapi({ type: 'array', items: { type: 'string' }, example: ['team=research'] })

/** @throws DomainError `invalid_input` */
export const labelsOf = (pairs: readonly string[]): Record<string, string> => {
  if (!pairs.every(isStorable)) throw invalidField('label', NOT_STORABLE)
  return Object.fromEntries(
    readPairs(pairs, (problem) => {
      throw invalidField(
        'label',
        problem.kind === 'malformed'
          ? "must be key=value, such as 'team=research'"
          : `names ${problem.name} twice, but a workspace has one value of it`,
      )
    }),
  )
}
