// The cursor of a page of disks: where it ended, as an opaque text for the next request.
import { invalidField } from '../../../lib/platform/errors.ts'

type Position = { createdAt: Date; id: string }

export const cursorOf = ({ createdAt, id }: Position): string => `${createdAt.getTime()}_${id}`

/** @throws DomainError `invalid_input` for a text that {@link cursorOf} did not produce */
export function parseCursor(cursor: string | undefined): Position | undefined {
  if (cursor === undefined) return undefined
  const [, time, id] = /^(\d{1,14})_(\w{1,64})$/.exec(cursor) ?? []
  if (time === undefined || id === undefined)
    throw invalidField('cursor', 'is not a cursor of this list; follow the Link header')
  return { createdAt: new Date(Number(time)), id }
}
