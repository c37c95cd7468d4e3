// Members of a body that a route does not know. Molecule's clients send many that this control plane has no use for
// (docs/facts/molecule.md §2.3), so they are not refused; the response names them, so that nothing that was asked for is
// dropped without a word.
import type { Context } from 'hono'
import type { z } from 'zod'

/** How many are named, and how much of a name. */
const MAX_NAMED = 20
const MAX_NAME_LENGTH = 100

/** @returns the names of members with a value that the schema does not have */
export async function ignoredMembers(c: Context, { shape }: z.ZodObject): Promise<string[]> {
  const text = await c.req.text()
  const body: unknown = text === '' ? null : JSON.parse(text)
  if (typeof body !== 'object' || body === null) return []
  return Object.entries(body)
    .filter(([name, value]) => value !== null && !Object.hasOwn(shape, name))
    .map(([name]) => name.slice(0, MAX_NAME_LENGTH))
    .slice(0, MAX_NAMED)
}

/** The member `warnings` of a response; nothing where nothing was ignored. */
export const warningsOf = (ignored: readonly string[]): { warnings?: string[] } =>
  ignored.length === 0
    ? {}
    : { warnings: ignored.map((name) => `${name} is not a member of this request, and was ignored`) }
