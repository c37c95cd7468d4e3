// How settings are declared. A section is an object whose leaves are settings, so the type of the parsed
// configuration, the list of names and the parser all derive from the one place in which a setting is written.
import { z } from 'zod'

/** One environment variable and how its text becomes a value. */
export type Setting<Value> = { name: string; schema: z.ZodType<Value> }

export type Section = { [key: string]: Setting<unknown> | Section }

/** A section with each setting replaced by its value. */
export type Values<Declared> = {
  -readonly [Key in keyof Declared]: Declared[Key] extends Setting<infer Value>
    ? Value
    : Values<Declared[Key]>
}

export const setting = <Value>(name: string, schema: z.ZodType<Value>): Setting<Value> => ({ name, schema })

const isSetting = (entry: Setting<unknown> | Section): entry is Setting<unknown> =>
  entry['schema'] instanceof z.ZodType

/** All settings of a section and of those in it, by name. */
export function schemasOf(section: Section): Record<string, z.ZodType> {
  const schemas: Record<string, z.ZodType> = {}
  for (const entry of Object.values(section)) {
    if (isSetting(entry)) schemas[entry.name] = entry.schema
    else Object.assign(schemas, schemasOf(entry))
  }
  return schemas
}

/** @param parsed a value for every setting, by name */
export function valuesOf<Declared extends Section>(
  section: Declared,
  parsed: Record<string, unknown>,
): Values<Declared> {
  return Object.fromEntries(
    Object.entries(section).map(([key, entry]) => [
      key,
      isSetting(entry) ? parsed[entry.name] : valuesOf(entry, parsed),
    ]),
  ) as Values<Declared>
}

export const text = z.string().trim().min(1)

export const httpUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL such as https://example.com' })
  .transform((url) => url.replace(/(?<!\/)\/+$/, ''))

export const number = (min: number, max: number) =>
  numberThat((value) => value >= min && value <= max, `must be a number from ${min} to ${max}`)

export const integer = (min: number, max: number) =>
  numberThat(
    (value) => Number.isInteger(value) && value >= min && value <= max,
    `must be a whole number from ${min} to ${max}`,
  )

/** One check, because each further one makes another schema, also where a Worker starts. */
const numberThat = (isAllowed: (value: number) => boolean, error: string) =>
  z.coerce.number({ error }).refine(isAllowed, { error })

/** `true` or `false`, which is the default. */
export const flag = (name: string): Setting<boolean> =>
  setting(
    name,
    oneOf(['true', 'false'])
      .default('false')
      .transform((word) => word === 'true'),
  )

export const oneOf = <const Words extends readonly [string, ...string[]]>(words: Words) =>
  z.enum(words, {
    error: words.length === 1 ? `must be ${words[0]}, or unset` : `must be one of ${words.join(', ')}`,
  })

/** Values separated by commas. */
export const list = z.string().transform((value) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean),
)

/** For a number of seconds that the configuration keeps in milliseconds. */
export const toMilliseconds = (seconds: number) => seconds * 1000
