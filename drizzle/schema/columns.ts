// Column types that several tables share.
import { timestamp as pgTimestamp } from 'drizzle-orm/pg-core'

/** `timestamp with time zone`, as a Date. */
export const timestamp = (name: string) => pgTimestamp(name, { withTimezone: true, mode: 'date' })
