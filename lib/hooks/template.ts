// Templates of hooks: text with placeholders such as {{pull_request.title}}, filled from the payload in one pass.
// There is no other syntax, so that a payload is only inserted, never evaluated.
import { type LosslessJson, parseLossless } from '../a2a/wire/lossless-json.ts'
import type { Payload } from './payload.ts'

/** Longest filled template, in UTF-16 units. */
export const MAX_OUTPUT = 20_000

const PLACEHOLDER = /\{\{([^{}]*)\}\}/g

/** Keys, indexes of lists, or `length`, separated by dots. */
const PATH = /^[^\s.{}]+(\.[^\s.{}]+)*$/

/** Placeholders beside the payload's members. */
const VARIABLES = ['$payload', '$event', '$delivery'] as const

/** Why a text is not a valid template; undefined when it is one. */
export function templateProblem(template: string): string | undefined {
  if (template.includes('{{{')) return 'has {{{: two braces are enough, nothing is escaped'
  for (const [whole, path = ''] of template.matchAll(PLACEHOLDER)) {
    const name = path.trim()
    if (!PATH.test(name)) return `${whole} is not a path such as {{pull_request.title}}`
    if (name.startsWith('$') && !VARIABLES.some((variable) => variable === name))
      return `${whole} is unknown: the variables are ${VARIABLES.join(', ')}`
  }
  return template.replaceAll(PLACEHOLDER, '').includes('{{')
    ? 'has {{ without }}, or one within another'
    : undefined
}

export type Facts = { payload: Payload; event: string | undefined; delivery: string }

/** Inserts strings unchanged, nothing for what is absent, and JSON for everything else. */
export function fillTemplate(template: string, facts: Facts): string {
  const read = createReader(facts)
  let filled = ''
  let at = 0
  for (const match of template.matchAll(PLACEHOLDER)) {
    filled += template.slice(at, match.index) + read((match[1] ?? '').trim()).slice(0, MAX_OUTPUT)
    if (filled.length > MAX_OUTPUT) break
    at = match.index + match[0].length
  }
  if (filled.length <= MAX_OUTPUT) filled += template.slice(at)
  // A cut may split a surrogate pair.
  return (filled.length <= MAX_OUTPUT ? filled : `${filled.slice(0, MAX_OUTPUT)}…`).toWellFormed()
}

function createReader({ delivery, event, payload }: Facts): (path: string) => string {
  /** Parsed at first use, and once: most templates read only strings. */
  let exact: LosslessJson | undefined
  return (path) => {
    if (path === '$payload') return payload.text
    if (path === '$event') return event ?? ''
    if (path === '$delivery') return delivery
    const keys = path.split('.')
    const value = valueAt(payload.value, keys)
    if (typeof value === 'string') return value
    if (value === null || value === undefined) return ''
    if (typeof value === 'boolean') return String(value)
    exact ??= parseLossless(payload.text)
    return exact.print(valueAt(exact.value, keys))
  }
}

function valueAt(root: unknown, keys: readonly string[]): unknown {
  let value = root
  for (const key of keys) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<string, unknown>)[key]
  }
  return value
}
