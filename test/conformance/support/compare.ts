// What "the same answer" means: status, headers and bytes, except what the agent itself makes anew each time and what a2a.md
// §3.4 and §3.11 let a proxy change. Everything that is not listed here is a difference.
import { expect } from 'vitest'
import { type Answer, headerOf } from './raw-http.ts'
import type { Road } from './targets.ts'

/** Of one connection, of the moment, or of the transfer; and the agent's words that end at us. */
const NOT_COMPARED = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'content-length',
  'date',
  'server',
  'via',
])

/** Ours, beside the agent's. */
const OURS = new Set(['x-request-id', 'ratelimit', 'ratelimit-policy'])

const FRESH = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g

/** Names for what an agent makes anew, in the order in which it is first seen: the same in two tellings of one talk. */
export function createNaming(): (text: string) => string {
  const names = new Map<string, string>()
  return (text) =>
    text.replace(FRESH, (found) => {
      if (found.includes('T')) return '<moment>'
      const name = names.get(found) ?? `<id ${names.size + 1}>`
      names.set(found, name)
      return name
    })
}

export type Shown = { status: number; headers: string[]; body: string }

/** Answers as they are compared. Bodies that are no UTF-8 are shown byte by byte. */
export function show(road: Pick<Road, 'kind'>, answers: readonly Answer[]): Shown[] {
  const name = createNaming()
  return answers.map((answer) => {
    const text = textOf(answer.body)
    const body = name(text)
    const isStream = headerOf(answer, 'content-type')?.startsWith('text/event-stream') === true
    const headers = answer.headers.filter(([header]) => {
      if (NOT_COMPARED.has(header)) return false
      if (road.kind === 'proxied' && OURS.has(header)) return false
      // Its value covers what is new in the body.
      if (header === 'etag' && body !== text) return false
      // Nobody on the way may keep or reshape a stream: said by us whatever the agent says.
      return !(isStream && (header === 'cache-control' || header === 'x-accel-buffering'))
    })
    return { status: answer.status, headers: headers.map((pair) => pair.join(': ')).toSorted(), body }
  })
}

function textOf(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  return Buffer.from(text).equals(bytes) ? text : bytes.toString('latin1')
}

/** Something to say to an agent, the same on each road, and what it answered. */
export type Talk = (road: Road) => Promise<Answer[]>

/**
 * Holds a talk directly and through us.
 * @returns the direct answers, for the test to say what they should be
 */
export async function expectSame(
  roads: readonly [direct: Road, proxied: Road],
  talk: Talk,
): Promise<Answer[]> {
  const [direct, proxied] = roads
  const measure = await talk(direct)
  const answers = await talk(proxied)
  expect(show(proxied, answers)).toEqual(show(direct, measure))
  for (const answer of answers) expectNotToBeHeldUp(answer)
  return measure
}

function expectNotToBeHeldUp(answer: Answer): void {
  if (headerOf(answer, 'content-type')?.startsWith('text/event-stream') !== true) return
  expect(headerOf(answer, 'cache-control')).toBe('no-cache, no-transform')
  expect(headerOf(answer, 'x-accel-buffering')).toBe('no')
}
