// The cursor of a page of workspaces: where it ended and how it was sorted, as an opaque text for the next request.
import { z } from 'zod'
import {
  type ListPosition,
  WORKSPACE_ORDERS,
  type WorkspaceOrder,
} from '../../../lib/lifecycle/list-workspaces.ts'
import { decodeBase64, encodeBase64Url } from '../../../lib/platform/encoding.ts'
import { invalidField } from '../../../lib/platform/errors.ts'
import { boundedText } from '../../../lib/platform/postgres-text.ts'

const Cursor = z.object({ order: z.enum(WORKSPACE_ORDERS), value: boundedText().max(1000), id: z.uuid() })

/** As a position has it. Postgres has no year 0. */
const Time = z.iso.datetime().regex(/^[1-9]/)

export const cursorOf = (order: WorkspaceOrder, { id, value }: ListPosition): string =>
  encodeBase64Url(new TextEncoder().encode(JSON.stringify({ order, value, id })))

/** @throws DomainError `invalid_input` for a text that {@link cursorOf} did not produce for this order */
export function parseCursor(cursor: string | undefined, order: WorkspaceOrder): ListPosition | undefined {
  if (cursor === undefined) return undefined
  const parsed = Cursor.safeParse(read(cursor))
  const { data } = parsed
  if (
    data === undefined ||
    data.order !== order ||
    !(order.endsWith('name') || Time.safeParse(data.value).success)
  ) {
    throw invalidField('cursor', 'is not a cursor of this list; follow the Link header')
  }
  return { value: data.value, id: data.id }
}

function read(cursor: string): unknown {
  try {
    return JSON.parse(
      new TextDecoder().decode(decodeBase64(cursor.replaceAll('-', '+').replaceAll('_', '/'))),
    )
  } catch {
    return undefined
  }
}
