// The path of a file in a machine: bytes, because names on Linux need not be UTF-8. In a query every byte can be written
// with a percent sign.
import { encodeBase64 } from '../../platform/encoding.ts'
import { invalidField } from '../../platform/errors.ts'

export type FilePath = Uint8Array

const MAX_BYTES = 4_096
const SLASH = 0x2f
const DOT = 0x2e

const encoder = new TextEncoder()

/**
 * The parameter `path` of a URL: absolute, without empty and dot segments.
 * @throws DomainError `invalid_input`
 */
export function parsePath(search: string): FilePath {
  const raw = search
    .replace(/^\?/, '')
    .split('&')
    .find((pair) => pair.startsWith('path='))
    ?.slice('path='.length)
  if (raw === undefined || raw === '') throw invalidField('path', 'is missing: name an absolute path')
  const bytes = decodePercent(raw)
  if (bytes.length > MAX_BYTES) throw invalidField('path', `is longer than ${MAX_BYTES} bytes`)
  if (bytes[0] !== SLASH) throw invalidField('path', 'must be an absolute path, such as /workspace')
  if (bytes.includes(0)) throw invalidField('path', 'must not contain NUL')
  const segments = split(bytes)
  if (segments.some(isDots)) throw invalidField('path', 'must not contain the segments . and ..')
  return join(segments)
}

/** For a script. */
export const argumentOf = (path: FilePath): string => encodeBase64(path)

/** @param name bytes of a name in the directory */
export const within = (directory: FilePath, name: Uint8Array): FilePath => join([...split(directory), name])

export const isRoot = (path: FilePath): boolean => path.length === 1

/** As the value of `path` in a query. */
export const toQuery = (path: FilePath): string =>
  Array.from(path, (byte) => {
    const character = String.fromCharCode(byte)
    return /[A-Za-z0-9/._~-]/.test(character)
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }).join('')

/** For people: bytes that are not UTF-8 become U+FFFD. */
export const toText = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

export const nameOf = (path: FilePath): Uint8Array => split(path).at(-1) ?? new Uint8Array()

function decodePercent(text: string): Uint8Array {
  const bytes: number[] = []
  for (let at = 0; at < text.length;) {
    const hex = /^%([0-9A-Fa-f]{2})/.exec(text.slice(at, at + 3))?.[1]
    if (hex !== undefined) {
      bytes.push(Number.parseInt(hex, 16))
      at += 3
      continue
    }
    const character = String.fromCodePoint(text.codePointAt(at) ?? 0)
    bytes.push(...encoder.encode(character === '+' ? ' ' : character))
    at += character.length
  }
  return Uint8Array.from(bytes)
}

function split(bytes: Uint8Array): Uint8Array[] {
  const segments: Uint8Array[] = []
  let from = 0
  for (let at = 0; at <= bytes.length; at++) {
    if (at < bytes.length && bytes[at] !== SLASH) continue
    if (at > from) segments.push(bytes.subarray(from, at))
    from = at + 1
  }
  return segments
}

const isDots = (segment: Uint8Array): boolean => segment.length <= 2 && segment.every((byte) => byte === DOT)

function join(segments: Uint8Array[]): FilePath {
  const bytes = segments.flatMap((segment) => [SLASH, ...segment])
  return Uint8Array.from(bytes.length === 0 ? [SLASH] : bytes)
}
