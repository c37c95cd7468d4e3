// The times of a cron expression in a time zone. Pure.
import { Cron } from 'croner'

/**
 * Five fields of digits, names, `*`, `,`, `-`, `/`, `#` and `L`. The library also reads dates, seconds and years, which
 * are no expressions of five fields.
 */
const FIVE_FIELDS = /^[\dA-Za-z*,\-/#]+(?: [\dA-Za-z*,\-/#]+){4}$/

/**
 * The first time of the expression after `after`; null if there is none. A local time that a change of the clocks skips
 * is moved by that change, and one that occurs twice counts once.
 * @throws Error for an expression or a time zone that cannot be read
 */
export const nextRun = (cron: string, timeZone: string, after: Date): Date | null =>
  new Cron(cron, { timezone: timeZone, mode: '5-part' }).nextRun(after)

/** What is wrong with an expression; undefined for a valid one. */
export function cronProblem(cron: string): string | undefined {
  const example = 'such as 0 9 * * 1-5 (minute, hour, day of the month, month, day of the week)'
  if (!FIVE_FIELDS.test(cron)) return `must be a cron expression of five fields, ${example}`
  try {
    return nextRun(cron, 'UTC', new Date(0)) === null ? 'names a day that does not exist' : undefined
  } catch {
    return `must be a cron expression, ${example}`
  }
}

/** Whether the runtime knows a time zone. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
