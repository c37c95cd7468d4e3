// The comparison of two answers: status, headers and bytes, except for generated values and what docs/facts/a2a.md §3.4 and
// §3.11 allow a proxy to change. Any other difference fails.
import { expect } from 'vitest'
import { type Answer, headerOf } from './raw-http.ts'
import type { Target } from './targets.ts'

/** Headers of one connection, of the time, or of the transfer, and headers that the proxy removes. */
const NOT_COMPARED = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'date',
  'server',
  'via',
])

/** Headers that the proxy adds. */
const REWRITTEN = new Set(['x-request-id', 'ratelimit', 'ratelimit-policy'])

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
    const isStream = headerOf(answer, 'content-type')?.startsWith('text/event-stream') === true
    const headers = answer.headers.filter(([header]) => {
      if (NOT_COMPARED.has(header)) return false
      if (target.kind === 'proxied' && REWRITTEN.has(header)) return false
      // Its value depends on generated parts of the body.
      if (header === 'etag' && body !== text) return false
      // The proxy always sets these two for a stream: no cache or proxy may store or buffer it.
      return !(isStream && (header === 'cache-control' || header === 'x-accel-buffering'))
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
