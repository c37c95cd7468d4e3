// Names of apps and regions that callers send.
import { invalidField } from '../platform/errors.ts'

/** @throws DomainError `invalid_input` when the name is none of those that are known */
export function checkPlace(field: string, name: string, known: readonly string[]): void {
  if (!known.includes(name)) throw invalidField(field, `must be one of ${[...new Set(known)].join(', ')}`)
}
