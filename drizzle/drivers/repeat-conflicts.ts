// Repeats statements that Postgres ended in favour of others. Each statement is a transaction of its own, so nothing of it
// was stored.

/**
 * A deadlock, or a conflict between serializable transactions (SQLSTATEs of Postgres' appendix A). Statements meet a deadlock where
 * migrations or retention lock several tables or rows that they need too.
 */
const CONFLICTS: readonly unknown[] = ['40P01', '40001']

const ATTEMPTS = 4

/** Before the second attempt, at most, in milliseconds; doubles with each further one. */
const FIRST_PAUSE_MS = 50

/** @throws the last conflict after {@link ATTEMPTS} attempts, and any other error at once */
export async function repeatConflicts<Result>(run: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run()
    } catch (error) {
      if (attempt === ATTEMPTS || !isConflict(error)) throw error
    }
    // Random, so that statements that met once do not meet again.
    const ms = Math.random() * FIRST_PAUSE_MS * 2 ** (attempt - 1)
    await new Promise((resolve) => setTimeout(resolve, ms))
  }
}

const isConflict = (error: unknown): boolean => CONFLICTS.includes((error as { code?: unknown } | null)?.code)
