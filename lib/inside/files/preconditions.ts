// Conditional requests for files (RFC 9110 §13). The tag of a file is its SHA-256. Pure.
import { DomainError } from '../../platform/errors.ts'

/** Values of the headers; undefined where they are absent. */
export type Precondition = { ifMatch?: string | undefined; ifNoneMatch?: string | undefined }

export const tagOf = (sha256: string): string => `"${sha256}"`

/** @param sha256 of the present file; undefined when there is none */
export function satisfies({ ifMatch, ifNoneMatch }: Precondition, sha256: string | undefined): boolean {
  if (ifMatch !== undefined && !includesTag(ifMatch, sha256)) return false
  return ifNoneMatch === undefined || !includesTag(ifNoneMatch, sha256)
}

/** For a request whose condition the present file does not meet. */
export const preconditionFailed = () =>
  new DomainError(
    'precondition_failed',
    'the file does not meet If-Match or If-None-Match: read it, and repeat with its ETag',
  )

/** Whether a list of tags, or `*`, includes that of the file. */
export function includesTag(list: string, sha256: string | undefined): boolean {
  if (sha256 === undefined) return false
  const tags = list.split(',').map((tag) => tag.trim())
  return tags.includes('*') || tags.includes(tagOf(sha256))
}

export type ByteRange = { from: number; to: number }

/**
 * The one range of a `Range` header, as `from` up to `to`. Several ranges, and other units, are ignored, as RFC 9110
 * §14.2 allows.
 * @returns undefined for the whole file; `unsatisfiable` for a range behind its end
 */
export function parseRange(
  header: string | undefined,
  size: number,
): ByteRange | 'unsatisfiable' | undefined {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '') ?? []
  if (first === '' && last === '') return undefined
  if (first === '') {
    const length = Math.min(Number(last), size)
    return length === 0 ? 'unsatisfiable' : { from: size - length, to: size }
  }
  const from = Number(first)
  const to = last === '' ? size : Math.min(Number(last) + 1, size)
  if (last !== '' && Number(last) < from) return undefined
  return from >= size ? 'unsatisfiable' : { from, to }
}
