// The same database over another client, for work whose statements are counted. A database of its own would build each statement anew,
// and the names of all columns, for each request of a Worker.
import type { Database } from './database.ts'

/** What Drizzle's sessions and prepared statements call, each of them one of the two. */
type Client = { query: (...args: never[]) => Promise<unknown> }

type Origin = { db: Database; client: Client }

const origins = new WeakMap<Database, Origin>()

/** @param db that of a driver; what was built for it serves the other one too */
export function overClient(db: Database, client: Client): Database {
  const session = derived(Reflect.get(db, 'session') as object, { client })
  const other = derived(db, { session })
  origins.set(other, { db, client })
  return other
}

/** The database for which statements are built. */
export const builderOf = (db: Database): Database => origins.get(db)?.db ?? db

/** A statement that was built for {@link builderOf}, to be run by this database. */
export function runBy<Statement extends object>(db: Database, statement: Statement): Statement {
  const client = origins.get(db)?.client
  return client === undefined ? statement : derived(statement, { client, clientQuery: client.query })
}

const derived = <Base extends object>(base: Base, members: object): Base =>
  Object.assign(Object.create(base) as Base, members)
