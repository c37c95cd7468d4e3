// UUIDs as text. Hex digits may be in either case (RFC 9562 §4); Postgres and everything here compares the lower-case
// form.

import { z } from 'zod'

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i

/** Whether a text is a UUID of any version, in either case. */
export const isUuid = (text: string | null | undefined): text is string => text != null && UUID.test(text)

/** @returns the UUID in lower case, or undefined for a text that is none */
export const normalizeUuid = (text: string | null | undefined): string | undefined =>
  isUuid(text) ? text.toLowerCase() : undefined

/**
 * A UUID of version 7 (RFC 9562 §5.7): later ones come after earlier ones, so an index of many rows grows at its end.
 * @param ms Unix milliseconds
 */
export function newIdAt(ms: number): string {
  return `${hex(ms / 0x1_0000, 8)}-${hex(ms % 0x1_0000, 4)}-7${crypto.randomUUID().slice(15)}`
}

const hex = (value: number, digits: number) => Math.trunc(value).toString(16).padStart(digits, '0')

/** The id of something in a request's body, query or path: in either case, and in lower case afterwards. */
export const uuidInput = () => z.uuid('must be a UUID').toLowerCase()

const NO_ID = 'must be the id or the slug of a workspace'

/**
 * The id of a workspace in a request, in lower case afterwards. Callers may give its slug, which is replaced by the id before the
 * request is read (functions/middleware), so the API description names no format, and the length of the longest slug.
 * @param isAllowed other texts that are allowed
 */
export const workspaceIdInput = (isAllowed: (text: string) => boolean = () => false) =>
  z
    .string()
    .max(63, { error: NO_ID, abort: true })
    .refine((text) => isUuid(text) || isAllowed(text), NO_ID)
    .toLowerCase()
