// One JSON line per event, on whatever the runtime calls its console. Errors are flattened to what helps to find them.
const LEVELS = { debug: 0, info: 1, warn: 2, error: 3, silent: 4 } as const

export type LogLevel = keyof typeof LEVELS

export type LogFields = Record<string, unknown>

export type Log = (level: Exclude<LogLevel, 'silent'>, message: string, fields?: LogFields) => void

/** @param write where lines go */
export function createLog(threshold: LogLevel, write: (line: string) => void): Log {
  return (level, message, fields = {}) => {
    if (LEVELS[level] < LEVELS[threshold]) return
    write(JSON.stringify({ at: new Date().toISOString(), level, message, ...flatten(fields) }))
  }
}

function flatten(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, value instanceof Error ? describe(value) : value]),
  )
}

// The parameters of a failed query are somebody's data, and its message quotes them: only its cause is told.
function describe(error: Error): unknown {
  const cause = error.cause instanceof Error ? error.cause : undefined
  const told = cause ?? error
  return {
    name: error.name,
    message: told.message,
    stack: told.stack
      ?.split('\n')
      .slice(1, 6)
      .map((line) => line.trim()),
  }
}
