// The cursor of a page of a list in the order of time: where it ended, as an opaque text for the next request.
import { invalidField } from '../../lib/platform/errors.ts'

type Position = { createdAt: Date; id: string }

export const cursorOf = ({ createdAt, id }: Position): string => `${createdAt.getTime()}_${id}`

/**
 * @param isId whether a text has the form of an id of the list
 * @throws DomainError `invalid_input` for a text that {@link cursorOf} did not produce
 */
export function parseCursor(
  cursor: string | undefined,
  isId: (text: string) => boolean,
): Position | undefined {
  if (cursor === undefined) return undefined
  const [, time, id = ''] = /^(\d{1,14})_(.*)$/.exec(cursor) ?? []
  if (time === undefined || !isId(id))
    throw invalidField('cursor', 'is not a cursor of this list; follow the Link header')
  return { createdAt: new Date(Number(time)), id }
}
