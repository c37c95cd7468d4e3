// Rows of other tables as one column of a statement. So one statement reads what would take one for each table, and the rows are as
// if they had been read on their own.
import { type SQL, type SQLWrapper, sql } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'

type Columns = Record<string, PgColumn>
export type RowOf<C extends Columns> = {
  [Name in keyof C]: C[Name]['_']['data'] | (C[Name]['_']['notNull'] extends true ? never : null)
}

/** A row from its JSON, whose members have the names of columns. */
export function rowFromJson<C extends Columns>(columns: C, row: Record<string, unknown>): RowOf<C> {
  const entries = Object.entries(columns).map(([key, column]) => {
    const cell = row[column.name] ?? null
    return [key, cell === null ? null : column.mapFromDriverValue(cell)]
  })
  return Object.fromEntries(entries) as RowOf<C>
}

/** A column with the rows of a query, in its order. @param columns that the query selects, or some of them */
export const jsonRows = <C extends Columns>(columns: C, query: SQLWrapper): SQL<RowOf<C>[]> =>
  sql`(select coalesce(jsonb_agg(item), '[]') from ${query} item)`.mapWith((value: unknown) =>
    (fromDriver(value) as Record<string, unknown>[]).map((row) => rowFromJson(columns, row)),
  )

/** Drivers return JSON as a value or as its text. */
export const fromDriver = (value: unknown): unknown => (typeof value === 'string' ? JSON.parse(value) : value)
