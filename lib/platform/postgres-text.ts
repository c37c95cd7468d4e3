// Text and JSON that Postgres can store. It refuses NUL and lone surrogates, which JSON allows. Input is checked
// first, so that such input is a 400 that names its field instead of a failed statement.
import { z } from 'zod'

/** Whether Postgres can store a text. */
export const isStorable = (text: string) => text.isWellFormed() && !text.includes('\0')

export const NOT_STORABLE = 'contains characters that cannot be stored (NUL or a broken surrogate pair)'

/** A string that can be stored. */
export const boundedText = () => z.string().refine(isStorable, NOT_STORABLE)

/** Replaces every character that cannot be stored by U+FFFD. */
export const toPostgresText = (text: string): string =>
  isStorable(text) ? text : text.replaceAll('\0', '\ufffd').toWellFormed()

/** Postgres parses JSON recursively, and so does this code, so deep nesting would overflow a stack. */
export const MAX_NESTING = 100

/** Whether a value has at most so many levels of arrays and objects. */
export const isNestedWithin = (levels: number, value: unknown): boolean =>
  typeof value !== 'object' ||
  value === null ||
  (levels > 0 && Object.values(value).every((entry) => isNestedWithin(levels - 1, entry)))

function isStorableValue(value: unknown): boolean {
  if (typeof value === 'string') return isStorable(value)
  if (Array.isArray(value)) return value.every(isStorableValue)
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([key, entry]) => isStorable(key) && isStorableValue(entry))
}

/**
 * JSON that can be stored, of at most `maxBytes` characters when serialized. The API description has that limit as
 * `x-max-length`.
 */
export const boundedJson = <Schema extends z.ZodType>(schema: Schema, maxBytes: number) =>
  schema
    .refine((value) => isNestedWithin(MAX_NESTING, value), {
      error: `must not be nested deeper than ${MAX_NESTING} levels`,
      abort: true,
    })
    .refine(isStorableValue, NOT_STORABLE)
    .refine(
      (value) => JSON.stringify(value).length <= maxBytes,
      `must not be longer than ${maxBytes} bytes as JSON`,
    )
    .meta({ 'x-max-length': maxBytes })

/**
 * The same JSON with every string and name that cannot be stored made storable. For input of agents, which cannot act on
 * an error. Values nested deeper than {@link MAX_NESTING} stay as they are.
 */
export function toPostgresJson(value: unknown, levels = MAX_NESTING): unknown {
  if (typeof value === 'string') return toPostgresText(value)
  if (typeof value !== 'object' || value === null || levels === 0) return value
  if (Array.isArray(value)) return value.map((entry) => toPostgresJson(entry, levels - 1))
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [toPostgresText(key), toPostgresJson(entry, levels - 1)]),
  )
}

/**
 * Text of an agent, which cannot act on an error: cut to `maxLength` UTF-16 units, with characters that cannot be stored replaced. A
 * value of another type is ignored.
 */
export const agentText = (maxLength: number) =>
  z.preprocess(
    (value) => (typeof value === 'string' ? toPostgresText(value.slice(0, maxLength)) : ignored(value)),
    z.string().max(maxLength).nullish(),
  )

/** A number of an agent, moved into its range. A value of another type is ignored. */
export const agentNumber = (min: number, max: number) =>
  z.preprocess(
    (value) => (typeof value === 'number' ? Math.min(Math.max(value, min), max) : ignored(value)),
    z.number().min(min).max(max).nullish(),
  )

/** Null means that there is no value; anything else unusable is treated as absent. */
const ignored = (value: unknown): null | undefined => (value === null ? null : undefined)
