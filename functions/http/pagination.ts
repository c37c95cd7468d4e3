// The cursor of a page of workspaces or disks: where it ended, as an opaque text for the next request.
import { invalidField } from '../../lib/platform/errors.ts'
import { normalizeUuid } from '../../lib/platform/uuid.ts'

type Position = { createdAt: Date; id: string }

export const cursorOf = ({ createdAt, id }: Position): string => `${createdAt.getTime()}_${id}`

/** @param readId the id of the last row; undefined for a text that is none. @throws DomainError `invalid_input` for a text that {@link cursorOf} did not produce */
export function parseCursor(
  cursor: string | undefined,
  readId: (text: string | undefined) => string | undefined = normalizeUuid,
): Position | undefined {
  if (cursor === undefined) return undefined
  const [, time, text] = /^(\d{1,15})_(.+)$/.exec(cursor) ?? []
  const id = readId(text)
  if (time === undefined || id === undefined)
    throw invalidField('cursor', 'is not a cursor of this API; follow the Link header')
  return { createdAt: new Date(Number(time)), id }
}
