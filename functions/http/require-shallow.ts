// A body that is read, changed and written again must not be nested too deep: JSON.stringify overflows the stack on what JSON.parse
// has read.
import { invalidField } from '../../lib/platform/errors.ts'
import { isNestedWithin, MAX_NESTING } from '../../lib/platform/postgres-text.ts'

/** @throws DomainError `invalid_input` for a body with more than {@link MAX_NESTING} levels */
export function requireShallow(body: unknown): void {
  if (!isNestedWithin(MAX_NESTING, body))
    throw invalidField('body', `must not be nested deeper than ${MAX_NESTING} levels`)
}
