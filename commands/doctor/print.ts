// Prints results: a line each for people, one object for programs. Secrets are removed from both, also where an error message
// quotes them.
import { splitToken } from '../../lib/fly/token.ts'
import type { State } from './finding.ts'
import type { CheckResult } from './examine.ts'

const COLOURS: Record<State, number> = { ok: 32, warning: 33, wrong: 31, skipped: 90 }
const WIDTH = 14

export function line({ check, detail, fix, state }: CheckResult, colours: boolean): string {
  const word = state.padEnd(8)
  const shown = colours ? `\u001b[${COLOURS[state]}m${word}\u001b[0m` : word
  const below = fix.map((one) => `\n${' '.repeat(WIDTH + 9)}${one}`).join('')
  return `${check.padEnd(WIDTH)} ${shown}${detail}${below}\n`
}

export function summary(all: readonly CheckResult[]): string {
  const count = (state: State) => all.filter((result) => result.state === state).length
  const errors = count('wrong')
  const warnings = count('warning')
  const many = (n: number, one: string, more: string) => (n === 1 ? `1 ${one}` : `${n} ${more}`)
  const tail = warnings === 0 ? '' : `, ${many(warnings, 'warning', 'warnings')}`
  return errors === 0
    ? `Nothing is wrong${tail}.\n`
    : `${many(errors, 'thing is', 'things are')} wrong${tail}. The fix is below each.\n`
}

/** Settings that contain a secret. */
const SECRET =
  /^(FLY_API_TOKEN|ADMIN_TOKEN|SECRETS_ENCRYPTION_KEY|SECRETS_PREVIOUS_KEYS|OTEL_EXPORTER_OTLP_(TRACES_)?HEADERS)$/

/** @returns a function that removes every secret in these variables from a text */
export function createRedaction(env: Record<string, string | undefined>): (text: string) => string {
  const secrets = new Set<string>()
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined || value.trim() === '') continue
    if (SECRET.test(name)) for (const part of [...value.split(','), ...parts(value)]) secrets.add(part.trim())
    else if (name.endsWith('_URL') || name.endsWith('_ENDPOINT')) {
      const password = URL.canParse(value) ? new URL(value).password : ''
      secrets.add(password)
      secrets.add(decoded(password))
    }
  }
  // Longest first, because one may be part of another. Very short values are kept: removing them would damage words.
  const found = [...secrets].filter((one) => one.length >= 4).toSorted((a, b) => b.length - a.length)
  return (text) => found.reduce((left, secret) => left.replaceAll(secret, '[secret]'), text)
}

function parts(token: string): string[] {
  try {
    return splitToken(token)
  } catch {
    return []
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
