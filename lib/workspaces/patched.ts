// Labels, variables and the configuration are changed by name, as in a JSON Merge Patch (RFC 7396): a value replaces, null removes, and
// the others stay. The statement merges labels and variables, so that people who change different names at once lose none.
import { type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import { invalidField } from '../platform/errors.ts'
import { isObject } from '../platform/json-object.ts'

type Values = Record<string, string>

/** Null as a whole removes all. */
export type ValueChanges = Record<string, string | null> | null

/** The values after the change. @throws DomainError when there would be too many */
export function patched(field: string, before: Values, changes: ValueChanges, most: number): Values {
  if (changes === null) return {}
  const after = Object.entries({ ...before, ...changes }).filter(([, value]) => value !== null)
  if (after.length > most)
    throw invalidField(
      field,
      `would be ${after.length}, and at most ${most} are allowed: remove some with null`,
    )
  return Object.fromEntries(after) as Values
}

export const patchedColumn = (column: SQLWrapper, changes: ValueChanges): SQL | Values =>
  changes === null ? {} : sql`jsonb_strip_nulls(${column} || ${JSON.stringify(changes)}::jsonb)`

/** The target after a JSON Merge Patch, which Postgres cannot apply to objects in objects. */
export function mergePatch(target: unknown, patch: Record<string, unknown>): Record<string, unknown> {
  const merged = new Map(isObject(target) ? Object.entries(target) : [])
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name)
    else merged.set(name, isObject(value) ? mergePatch(merged.get(name), value) : value)
  }
  return Object.fromEntries(merged)
}
