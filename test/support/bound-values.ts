// Puts values into a statement that is made for prepared ones (drizzle/prepared.ts), so that a test can ask Postgres for its plan.
import { type Placeholder, sql } from 'drizzle-orm'
import type { ValueOf } from '../../drizzle/prepared.ts'

export const bound =
  <Values extends object>(values: Values): ValueOf<Values> =>
  (name) => {
    const value = values[name]
    return sql`${value instanceof Date ? value.toISOString() : value}` as unknown as Placeholder<typeof name>
  }
