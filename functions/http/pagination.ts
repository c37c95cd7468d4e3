// Where a page of workspaces ended, as an opaque text for the next request.
import { invalidField } from '../../lib/platform/errors.ts'

type Position = { createdAt: Date; id: string }

export const cursorOf = ({ createdAt, id }: Position): string => `${createdAt.getTime()}_${id}`

/** @throws DomainError `invalid_input` for a text that this API never gave out */
export function parseCursor(cursor: string | undefined): Position | undefined {
  if (cursor === undefined) return undefined
  const match = /^(\d{1,15})_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(cursor)
  if (match === null)
    throw invalidField('cursor', 'is not one that this API gave out; follow the Link header')
  return { createdAt: new Date(Number(match[1])), id: match[2] ?? '' }
}
