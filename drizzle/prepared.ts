// Statements that run with each request. To build one takes Drizzle longer than Postgres needs to run it, and so does its plan. So
// each is built once for a database, with placeholders for its values, and planned once for a connection where the driver can
// (drivers/postgres.ts).
import { type Placeholder, sql } from 'drizzle-orm'
import type { Database } from './database.ts'
import { builderOf, runBy } from './over-client.ts'

type Value = string | number | boolean | Date | null

/** The place of a value in a statement. A value gets no column's encoding, so its text must be what Postgres reads. */
export type ValueOf<Values> = <Name extends keyof Values & string>(name: Name) => Placeholder<Name>

type Prepared<Rows> = { execute(values?: Record<string, unknown>): Promise<Rows> }

/** Stands for a name of the driver's own. */
export const NAMED = 'named'

const UNNAMED = ''

/**
 * A statement with values. Call this once, where a module is loaded.
 * @param build makes the statement, at the first call for each database
 * @param options `planEachTime`: its best plan depends on its values, for example on which of them are null
 * @returns a function that runs the statement; dates are sent as ISO 8601
 */
export function prepared<Values extends Record<string, Value>, Rows>(
  build: (db: Database, valueOf: ValueOf<Values>) => { prepare(name: string): Prepared<Rows> },
  { planEachTime = false } = {},
): (db: Database, values: Values) => Promise<Rows> {
  const statements = new WeakMap<Database, Prepared<Rows>>()
  return (db, values) => {
    const builder = builderOf(db)
    let statement = statements.get(builder)
    if (statement === undefined) {
      statement = build(builder, sql.placeholder).prepare(planEachTime ? UNNAMED : NAMED)
      statements.set(builder, statement)
    }
    return runBy(db, statement).execute(withoutDates(values))
  }
}

function withoutDates(values: Record<string, Value>): Record<string, Value> {
  let sent = values
  for (const name in values) {
    const value = values[name]
    if (!(value instanceof Date)) continue
    if (sent === values) sent = { ...values }
    sent[name] = value.toISOString()
  }
  return sent
}
