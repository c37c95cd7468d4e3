// The comparison of two answers: status, headers and bytes, except for generated values and what docs/facts/a2a.md §3.4 and
// §3.11 allow a proxy to change. Any other difference fails.
import { expect } from 'vitest'
import { type Answer, headerOf } from './raw-http.ts'
import type { Target } from './targets.ts'

/** Headers of an agent that the proxy passes on unchanged. */
const COMPARED = new Set([
  'content-type',
  'content-encoding',
  'content-language',
  'etag',
  'last-modified',
  'allow',
  'retry-after',
  'a2a-version',
  'a2a-extensions',
  'x-a2a-extensions',
])

/** Headers of one connection, of the time or of the transfer, and headers that the proxy sets itself. */
const OF_THE_PROXY = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'date',
  'cache-control',
  'x-accel-buffering',
  'x-content-type-options',
  'x-request-id',
  'ratelimit',
  'ratelimit-policy',
  'preference-applied',
])

const FRESH = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g

/** Replaces generated ids and times by names, numbered in order of appearance, so that two runs can be compared. */
export function createNaming(): (text: string) => string {
  const names = new Map<string, string>()
  return (text) =>
    text.replace(FRESH, (found) => {
      if (found.includes('T')) return '<time>'
      const name = names.get(found) ?? `<id ${names.size + 1}>`
      names.set(found, name)
      return name
    })
}

export type Shown = { status: number; headers: string[]; body: string }

/** Answers in the form that is compared. A body that is not UTF-8 is shown byte by byte. */
export function show(target: Pick<Target, 'kind'>, answers: readonly Answer[]): Shown[] {
  const name = createNaming()
  return answers.map((answer) => {
    const text = textOf(answer.body)
    const body = name(text)
    const headers = answer.headers.filter(([header]) => {
      // Its value depends on generated parts of the body.
      if (header === 'etag' && body !== text) return false
      // Any other header that the proxy lets through is a difference.
      return target.kind === 'proxied' ? !OF_THE_PROXY.has(header) : COMPARED.has(header)
    })
    return { status: answer.status, headers: headers.map((pair) => pair.join(': ')).toSorted(), body }
  })
}

function textOf(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  return Buffer.from(text).equals(bytes) ? text : bytes.toString('latin1')
}

/** Sends the same requests to a target and returns its answers. */
export type Exchange = (target: Target) => Promise<Answer[]>

/**
 * Runs an exchange directly and through the proxy, and expects the same answers.
 * @returns the direct answers, for further assertions
 */
export async function expectSame(
  targets: readonly [direct: Target, proxied: Target],
  exchange: Exchange,
): Promise<Answer[]> {
  const [direct, proxied] = targets
  const expected = await exchange(direct)
  const answers = await exchange(proxied)
  expect(show(proxied, answers)).toEqual(show(direct, expected))
  for (const answer of answers) expectUnbufferedStream(answer)
  return expected
}

function expectUnbufferedStream(answer: Answer): void {
  if (headerOf(answer, 'content-type')?.startsWith('text/event-stream') !== true) return
  expect(headerOf(answer, 'cache-control')).toBe('no-cache, no-transform')
  expect(headerOf(answer, 'x-accel-buffering')).toBe('no')
}
