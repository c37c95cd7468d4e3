// `limit` and `cursor` of Fly's lists (docs/facts/fly.md §2.2). Without a limit the whole list is returned. A cursor is
// valid for half an hour.

import { FlyError } from '../shared/fly-error.ts'

const CURSOR_LIFE_MS = 30 * 60_000

/**
 * One page of `items`, which are sorted by their keys. A cursor contains the key of the last item, so that items which
 * are added or removed meanwhile do not shift the pages.
 * @throws FlyError 400 for a limit outside 1–`most`, a cursor without a limit, or a cursor that is malformed or expired
 */
export function pageOf<T>(
  items: T[],
  query: URLSearchParams,
  most: number,
  keyOf: (item: T) => string,
): { items: T[]; next: string | undefined } {
  const cursor = query.get('cursor')
  if (query.get('limit') === null) {
    if (cursor !== null) throw new FlyError(400, 'invalid_argument: cursor requires limit')
    return { items, next: undefined }
  }
  const limit = Number(query.get('limit'))
  if (!Number.isInteger(limit) || limit < 1 || limit > most) {
    throw new FlyError(400, `invalid_argument: limit must be between 1 and ${most}`)
  }
  const from = cursor === null ? 0 : positionAfter(items, cursor, keyOf)
  const page = items.slice(from, from + limit)
  const last = page.at(-1)
  const next = last !== undefined && from + limit < items.length ? encode(keyOf(last)) : undefined
  return { items: page, next }
}

const encode = (key: string): string => btoa(`${Date.now() + CURSOR_LIFE_MS} ${key}`)

function positionAfter<T>(items: T[], cursor: string, keyOf: (item: T) => string): number {
  let text: string
  try {
    text = atob(cursor)
  } catch {
    throw new FlyError(400, 'invalid_argument: invalid cursor')
  }
  const [until, key] = text.split(' ')
  if (Number(until) < Date.now()) throw new FlyError(400, 'invalid_argument: cursor expired')
  const index = items.findIndex((item) => keyOf(item) > (key ?? ''))
  return index === -1 ? items.length : index
}

/** A key that sorts by time, then by id. */
export const timeKey = (time: number, id: string): string => `${String(time).padStart(15, '0')}-${id}`
