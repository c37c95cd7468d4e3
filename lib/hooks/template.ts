// Templates of hooks: text with placeholders such as {{pull_request.title}}, filled from the payload in one pass. Nothing else
// can be said in them, so that what a stranger sends is only ever put in, never carried out.
import type { Payload } from './payload.ts'

/** Characters of a filled template, at most: what a model reads in one go. */
export const MOST_OUTPUT = 20_000

const PLACEHOLDER = /\{\{([^{}]*)\}\}/g

/** Keys, indexes of lists, or their `length`, with dots between. */
const PATH = /^[^\s.{}]+(\.[^\s.{}]+)*$/

/** What a template can say beside the payload's members. */
const OURS = ['$payload', '$event', '$delivery'] as const

/** Why a text is no template; undefined when it is one. */
export function templateProblem(template: string): string | undefined {
  if (template.includes('{{{')) return 'has {{{: two braces are enough, nothing is escaped'
  for (const [whole, path = ''] of template.matchAll(PLACEHOLDER)) {
    const name = path.trim()
    if (!PATH.test(name)) return `${whole} is not a path such as {{pull_request.title}}`
    if (name.startsWith('$') && !OURS.some((own) => own === name))
      return `${whole} is not known: it can be ${OURS.join(', ')}`
  }
  return template.replaceAll(PLACEHOLDER, '').includes('{{')
    ? 'has {{ without }}, or one within another'
    : undefined
}

export type Facts = { payload: Payload; event: string | undefined; delivery: string }

/** Strings go in as they are, what is not there as nothing, everything else as JSON. */
export function fillTemplate(template: string, facts: Facts): string {
  let filled = ''
  let at = 0
  for (const match of template.matchAll(PLACEHOLDER)) {
    filled += template.slice(at, match.index) + read((match[1] ?? '').trim(), facts).slice(0, MOST_OUTPUT)
    if (filled.length > MOST_OUTPUT) break
    at = match.index + match[0].length
  }
  if (filled.length <= MOST_OUTPUT) filled += template.slice(at)
  // Cutting may part a surrogate pair.
  return (filled.length <= MOST_OUTPUT ? filled : `${filled.slice(0, MOST_OUTPUT)}…`).toWellFormed()
}

function read(path: string, { delivery, event, payload }: Facts): string {
  if (path === '$payload') return payload.text
  if (path === '$event') return event ?? ''
  if (path === '$delivery') return delivery
  let value = payload.value
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return ''
    value = (value as Record<string, unknown>)[key]
  }
  return typeof value === 'string' ? value : value === null ? '' : JSON.stringify(value)
}
