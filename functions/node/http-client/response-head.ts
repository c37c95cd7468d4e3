// The status line and the headers of a response over HTTP/1.1: how long its body is, and whether its connection can be used again. Agents may
// be hostile, so a head that two programs could read in two ways is refused (RFC 9112 §6.3, §11.2).
import type { HeaderList } from '../../../lib/a2a/wire/headers.ts'

/** The response breaks HTTP/1.1, or a limit on it. */
export class InvalidResponse extends Error {
  override name = 'InvalidResponse'
}

/** How the end of a body is found: a number of bytes, chunks, or the end of the connection. */
export type BodyLength = number | 'chunked' | 'until-close'

export type ResponseHead = {
  status: number
  headers: HeaderList
  /** The header of this name. */
  connection: string | undefined
  length: BodyLength
  /** Whether another request may follow on the connection. */
  isPersistent: boolean
  /** How long the agent keeps the connection without a request, in milliseconds, if it says so. */
  idleMs: number | undefined
}

const STATUS_LINE = /^HTTP\/1\.[01] [1-9]\d\d(?: [\t\x20-\x7e\x80-\xff]*)?(?:\r\n|$)/

/** A whole head: one test of all of its lines takes less time than two of each. */
const HEAD =
  /^HTTP\/1\.[01] [1-9]\d\d(?: [\t\x20-\x7e\x80-\xff]*)?(?:\r\n[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*)*$/

/** Where the minor version and the status are in a head. */
const MINOR_AT = 7
const STATUS_AT = 9

/** Exact as a number. */
const LENGTH = /^\d{1,15}$/

/**
 * @param text everything before the empty line, as Latin-1
 * @param method of the request: the response to HEAD has no body
 * @throws InvalidResponse
 */
export function readHead(text: string, method: string): ResponseHead {
  if (!HEAD.test(text))
    throw new InvalidResponse(
      STATUS_LINE.test(text)
        ? 'a header is not of HTTP/1.1'
        : 'the response does not begin with a status of HTTP/1.1',
    )
  const status = Number(text.slice(STATUS_AT, STATUS_AT + 3))
  const headers: HeaderList = []
  let connection: string | undefined
  let length: string | undefined
  let coding: string | undefined
  let idleMs: number | undefined
  for (let end = text.indexOf('\r\n'); end !== -1;) {
    const from = end + 2
    end = text.indexOf('\r\n', from)
    const colon = text.indexOf(':', from)
    const name = text.slice(from, colon).toLowerCase()
    const value = trimmed(text, colon + 1, end === -1 ? text.length : end)
    headers.push(name, value)
    if (name === 'content-length') length = once(name, length, value)
    else if (name === 'transfer-encoding') coding = once(name, coding, value)
    else if (name === 'connection') connection = connection === undefined ? value : `${connection}, ${value}`
    else if (name === 'keep-alive') idleMs = idleTimeOf(value)
  }
  const body = bodyLength(status, method, length, coding)
  return {
    status,
    headers,
    connection,
    length: body,
    isPersistent:
      body !== 'until-close' &&
      isPersistent(text[MINOR_AT] === '1', connection) &&
      !(isBodyless(status) && mayHaveBody(length, coding)),
    idleMs,
  }
}

function trimmed(text: string, from: number, to: number): string {
  while (from < to && isBlank(text.charCodeAt(from))) from++
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

const isBlank = (code: number) => code === 0x20 || code === 0x09

function once(name: string, before: string | undefined, value: string): string {
  if (before !== undefined) throw new InvalidResponse(`the response has two headers ${name}`)
  return value
}

function bodyLength(
  status: number,
  method: string,
  length: string | undefined,
  coding: string | undefined,
): BodyLength {
  if (coding !== undefined && length !== undefined)
    throw new InvalidResponse('the response has a length and is in chunks')
  if (coding !== undefined && coding.toLowerCase() !== 'chunked')
    throw new InvalidResponse('the response is in a transfer encoding other than chunks')
  if (length !== undefined && !LENGTH.test(length))
    throw new InvalidResponse('the length of the response is not a number')
  if (method === 'HEAD' || status < 200 || isBodyless(status)) return 0
  if (coding !== undefined) return 'chunked'
  return length === undefined ? 'until-close' : Number(length)
}

const isBodyless = (status: number) => status === 204 || status === 304

/** An agent that announces a body where there is none may send it, and it would be read as the next response. */
const mayHaveBody = (length: string | undefined, coding: string | undefined) =>
  coding !== undefined || (length !== undefined && Number(length) !== 0)

function isPersistent(isVersion11: boolean, connection: string | undefined): boolean {
  if (connection === undefined) return isVersion11
  const options = connection.toLowerCase().split(',')
  const has = (option: string) => options.some((one) => one.trim() === option)
  return !has('close') && (isVersion11 || has('keep-alive'))
}

function idleTimeOf(value: string): number | undefined {
  const seconds = /(?:^|[,\s])timeout=(\d{1,6})(?:$|[,;\s])/i.exec(value)?.[1]
  return seconds === undefined ? undefined : Number(seconds) * 1_000
}
