// Options and arguments that are pairs of a name and a value.
import { UsageError } from './context.ts'

/** `NAME=value` pairs; `NAME` alone takes the value of this process's environment. */
export const assignments = (flag: string, pairs: readonly string[]): Record<string, string> =>
  valuesOf(flag, pairs, (name) => {
    const value = process.env[name]
    if (value !== undefined) return value
    throw new UsageError(`${flag} ${name}: give NAME=value, or set ${name} in the environment`)
  })

/** `key=value` pairs. */
export const labelsFrom = (pairs: readonly string[]): Record<string, string> =>
  valuesOf('--label', pairs, (text) => {
    throw new UsageError(`--label ${text}: give key=value`)
  })

/** @param valueWithout of a pair without `=` */
function valuesOf(
  flag: string,
  pairs: readonly string[],
  valueWithout: (text: string) => string,
): Record<string, string> {
  const values = new Map<string, string>()
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    const name = at === -1 ? pair : pair.slice(0, at)
    if (values.has(name)) throw new UsageError(`${flag} ${name}: it is given twice`)
    values.set(name, at === -1 ? valueWithout(name) : pair.slice(at + 1))
  }
  return Object.fromEntries(values)
}
