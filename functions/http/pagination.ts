// The cursor of a page of workspaces: where it ended, as an opaque text for the next request.
import { invalidField } from '../../lib/platform/errors.ts'
import { normalizeUuid } from '../../lib/platform/uuid.ts'

type Position = { createdAt: Date; id: string }

export const cursorOf = ({ createdAt, id }: Position): string => `${createdAt.getTime()}_${id}`

/** @throws DomainError `invalid_input` for a text that {@link cursorOf} did not produce */
export function parseCursor(cursor: string | undefined): Position | undefined {
  if (cursor === undefined) return undefined
  const [, time, text] = /^(\d{1,15})_(.+)$/.exec(cursor) ?? []
  const id = normalizeUuid(text)
  if (time === undefined || id === undefined)
    throw invalidField('cursor', 'is not a cursor of this API; follow the Link header')
  return { createdAt: new Date(Number(time)), id }
}
