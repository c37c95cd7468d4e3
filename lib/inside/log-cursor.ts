// The position of a reader in the log of a workspace, as opaque text: the id of an event in a stream, and `after`.
import { decodeBase64, encodeBase64Url } from '../platform/encoding.ts'

/**
 * `token` is the provider's cursor of the page to read next, and `line` the last line that the reader has: on a page
 * that contains it, the reader continues behind it.
 */
export type LogCursor = { machine: string; token: string; line: string }

const MAX_LENGTH = 2_000

export const encodeCursor = ({ line, machine, token }: LogCursor): string =>
  encodeBase64Url(new TextEncoder().encode(JSON.stringify([machine, token, line])))

/** @returns undefined for text that is no cursor */
export function decodeCursor(text: string): LogCursor | undefined {
  if (text.length > MAX_LENGTH || !/^[A-Za-z0-9_-]+$/.test(text)) return undefined
  let parts: unknown
  try {
    const bytes = decodeBase64(text.replaceAll('-', '+').replaceAll('_', '/'))
    parts = JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
  if (!Array.isArray(parts) || parts.length !== 3) return undefined
  if (!parts.every((part): part is string => typeof part === 'string')) return undefined
  const [machine = '', token = '', line = ''] = parts
  return { machine, token, line }
}
