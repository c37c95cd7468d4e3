// Work that changes the same row, one after the other. Otherwise each would wait for the row's lock with a connection of the pool, and
// one agent that sends many requests would leave none for the others.
import { diagnoseDatabase } from './database-errors.ts'

/**
 * Does the work after all earlier work with the same key.
 * @throws what the work throws; and what the work before it threw if the database did not answer: if each waited for that anew, the
 *   last one would wait for ever
 */
export type InTurn = <Result>(key: string, work: () => Promise<Result>) => Promise<Result>

/** Where requests may not wait for each other, as on Workers. */
export const AT_ONCE: InTurn = (_key, work) => work()

export function createTurns(): InTurn {
  /** The newest work with each key that has any under way. */
  const newest = new Map<string, Promise<unknown>>()

  async function doAfter<Result>(
    earlier: Promise<unknown> | undefined,
    work: () => Promise<Result>,
  ): Promise<Result> {
    try {
      await earlier
    } catch (error) {
      if (diagnoseDatabase(error) !== undefined) throw error
    }
    return work()
  }

  return async (key, work) => {
    const result = doAfter(newest.get(key), work)
    newest.set(key, result)
    try {
      return await result
    } finally {
      if (newest.get(key) === result) newest.delete(key)
    }
  }
}
