// The sentences that name what is wrong with a value, in place of the validator's own, which are written for
// programmers. A schema that has a message of its own keeps it.
import type { $ZodRawIssue } from 'zod/v4/core'
import { nearestWord } from './nearest.ts'

/** Longer lists of allowed values are not printed. */
const MOST_VALUES = 30

const TYPES: Record<string, string> = {
  array: 'a list',
  boolean: 'true or false',
  date: 'a time',
  int: 'a whole number',
  nonoptional: 'given',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'a text',
}

const FORMATS: Record<string, string> = {
  base64: 'base64',
  date: 'a date such as 2026-01-31',
  datetime: 'a time with its zone, such as 2026-01-31T12:00:00Z',
  url: 'a URL such as https://example.com',
  uuid: 'a UUID',
}

/** What a limit counts. */
const UNITS: Record<string, string> = { array: ' entries', string: ' characters' }

/** For zod's `error` and `customError`. */
export function validationText(issue: $ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined
        ? 'is missing'
        : `must be ${TYPES[issue.expected] ?? 'of another type'}`
    case 'invalid_value':
      return valueText(issue.input, issue.values.map(String))
    case 'invalid_format':
      return `must be ${FORMATS[issue.format] ?? 'of another form'}`
    case 'too_big':
      return issue.origin in UNITS
        ? `must have at most ${issue.maximum}${UNITS[issue.origin]}`
        : `must be ${issue.inclusive === false ? 'less than' : 'at most'} ${issue.maximum}`
    case 'too_small':
      if (issue.origin in UNITS && issue.minimum === 1) return 'must not be empty'
      return issue.origin in UNITS
        ? `must have at least ${issue.minimum}${UNITS[issue.origin]}`
        : `must be ${issue.inclusive === false ? 'more than' : 'at least'} ${issue.minimum}`
    case 'unrecognized_keys':
      return 'is not known here'
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`
    case 'invalid_union':
      return unionText(issue.errors)
    case 'custom':
    case 'invalid_element':
    case 'invalid_key':
      return 'is not valid'
  }
}

function valueText(input: unknown, values: string[]): string {
  if (input === undefined) return 'is missing'
  if (values.length <= MOST_VALUES) {
    return values.length === 1 ? `must be ${values[0]}` : `must be one of ${values.join(', ')}`
  }
  const meant = typeof input === 'string' ? nearestWord(input, values) : undefined
  return `is none of the ${values.length} known values${meant === undefined ? '' : `; did you mean '${meant}'?`}`
}

/** A value of none of the allowed types, or with a mistake in one of them, which then says the most. */
function unionText(branches: { code?: string | undefined; message: string }[][]): string {
  const issues = branches.flat()
  const { message } = issues.find(({ code }) => code !== 'invalid_type') ?? issues[0] ?? {}
  return message ?? 'is not valid'
}
