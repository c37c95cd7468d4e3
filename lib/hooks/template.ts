// Templates of hooks: text with placeholders such as {{pull_request.title}}, filled from the payload in one pass.
// There is no other syntax, so that a payload is only inserted, never evaluated.
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

/** The values of a payload that a template reads. */
export const pathsOf = (template: string): string[] =>
  Array.from(template.matchAll(PLACEHOLDER), ([, path = '']) => path.trim()).filter(
    (path) => !path.startsWith('$'),
  )

/** `payload` has the values at {@link pathsOf}. */
export type Facts = { payload: Payload; event: string | undefined; delivery: string }

/** Inserts strings unchanged, nothing for what is absent, and other values as they were written. */
export function fillTemplate(template: string, facts: Facts): string {
  let filled = ''
  let at = 0
  for (const match of template.matchAll(PLACEHOLDER)) {
    const value = valueOf((match[1] ?? '').trim(), facts)
    filled += template.slice(at, match.index) + value.slice(0, MAX_OUTPUT)
    if (filled.length > MAX_OUTPUT) break
    at = match.index + match[0].length
  }
  if (filled.length <= MAX_OUTPUT) filled += template.slice(at)
  // A cut may split a surrogate pair.
  return cutText(filled, MAX_OUTPUT)
}

/** At most `length` UTF-16 units, with a mark where more were cut. */
export const cutText = (text: string, length: number): string =>
  (text.length <= length ? text : `${text.slice(0, length)}…`).toWellFormed()

function valueOf(path: string, { delivery, event, payload }: Facts): string {
  if (path === '$payload') return payload.text
  if (path === '$event') return event ?? ''
  if (path === '$delivery') return delivery
  const source = payload.sources.get(path)
  if (source === undefined || source === 'null') return ''
  return source.startsWith('"') ? beginningOf(source) : source
}

/** The first characters of a JSON string, as many as a filled template may have: the rest of a long one is not decoded. */
function beginningOf(source: string): string {
  let at = 1
  for (let units = 0; units < MAX_OUTPUT && at < source.length - 1; units++) {
    const isEscape = source.charAt(at) === '\\'
    at += !isEscape ? 1 : source.charAt(at + 1) === 'u' ? 6 : 2
  }
  return JSON.parse(`${source.slice(0, at)}"`) as string
}
