// The log: one JSON line for each entry. Errors become their name, message and the top of their stack.
import { diagnoseDatabase } from './database-errors.ts'

const LEVELS = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 } as const

export type LogLevel = keyof typeof LEVELS

export type LogFields = Record<string, unknown>

export type Log = (level: Exclude<LogLevel, 'silent'>, message: string, fields?: LogFields) => void

/**
 * @param write receives each line
 * @param always fields of every line
 */
export function createLog(threshold: LogLevel, write: (line: string) => void, always: LogFields = {}): Log {
  return (level, message, fields = {}) => {
    if (LEVELS[level] < LEVELS[threshold]) return
    write(JSON.stringify({ at: new Date().toISOString(), level, message, ...always, ...flatten(fields) }))
  }
}

function flatten(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, value instanceof Error ? describe(value) : value]),
  )
}

// The message of a failed query quotes its parameters, which are data of callers: only its cause is logged. A database that
// does not answer is no bug, so its stack would only repeat where statements are.
function describe(error: Error): unknown {
  const cause = error.cause instanceof Error ? error.cause : undefined
  const shown = cause ?? error
  const failure = diagnoseDatabase(error)
  if (failure !== undefined) {
    return { name: shown.name, message: shown.message, meaning: failure.message, remedy: failure.remedy }
  }
  return {
    name: error.name,
    message: shown.message,
    stack: shown.stack
      ?.split('\n')
      .slice(1, 6)
      .map((line) => line.trim()),
  }
}
