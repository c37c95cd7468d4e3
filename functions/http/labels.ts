// Labels in a query, as `label=team=research`: workspaces that have all of them.
import { z } from '@hono/zod-openapi'
import { invalidField } from '../../lib/platform/errors.ts'

export const LabelPairs = z
  .union([z.string(), z.array(z.string())])
  .transform((label) => [label].flat())
  .openapi({ type: 'array', items: { type: 'string' }, example: ['team=research'] })

/** @throws DomainError `invalid_input` */
export const labelsOf = (pairs: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at < 1) throw invalidField('label', "must be key=value, such as 'team=research'")
      return [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )
