// Replaces `drizzle-orm/pg-core` in the Worker's bundle (wrangler.toml, `[alias]`): without its types of columns that no table has, and
// without what only migrations read of a table.
import type { PgColumn, PgColumnBuilderBase } from 'drizzle-orm/pg-core'
import { PgTable } from '../node_modules/drizzle-orm/pg-core/table.js'

export {
  bigint,
  boolean,
  integer,
  jsonb,
  real,
  text,
  timestamp,
  uuid,
} from '../node_modules/drizzle-orm/pg-core/columns/index.js'
export { alias } from '../node_modules/drizzle-orm/pg-core/alias.js'
export { pgEnum } from '../node_modules/drizzle-orm/pg-core/columns/enum.js'

/** A builder as Drizzle itself uses it. */
type Builder = PgColumnBuilderBase & { setName(name: string): void; build(table: PgTable): PgColumn }

/** Indexes and constraints, the third argument, are for migrations. */
export function pgTable(name: string, builders: Record<string, Builder>): PgTable {
  const table = new PgTable(name, undefined, name)
  const columns = Object.fromEntries(
    Object.entries(builders).map(([key, builder]) => {
      builder.setName(key)
      return [key, builder.build(table)]
    }),
  )
  return Object.assign(table, columns, { [Symbol.for('drizzle:Columns')]: columns })
}

export const check = undefined
export const index = undefined
export const primaryKey = undefined
export const unique = undefined
export const uniqueIndex = undefined
