// What several tables share: types of columns, and what the bundle of a Worker leaves out of a table.
import { timestamp as pgTimestamp } from 'drizzle-orm/pg-core'

/** `timestamp with time zone`, as a Date. */
export const timestamp = (name: string) => pgTimestamp(name, { withTimezone: true, mode: 'date' })

/**
 * Marks the indexes and constraints of a table, which only migrations read. wrangler replaces `navigator.userAgent` when it bundles a
 * Worker. This function is then empty, so the bundler removes each call of it with its argument.
 */
export function forMigrations<Extras>(extras: Extras): Extras {
  if (navigator.userAgent !== 'Cloudflare-Workers') return extras
  return undefined as never
}
