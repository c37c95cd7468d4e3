// Names for prepared statements (../prepared.ts): Postgres then parses and plans each once for a connection, which takes several
// times as long as to run it. A pooler may run the next statement of a client in another session, which does not know the
// name, or knows it from another client. A name is a digest of the text, so it never stands for another statement, and Postgres
// refuses before it runs anything; then the statement is sent without a name, and so are all after it.
import { hash } from 'node:crypto'
import { DatabaseError, type QueryConfig, type QueryResult } from 'pg'
import { NAMED } from '../prepared.ts'

type Send = (config: QueryConfig, values?: unknown[]) => Promise<QueryResult>

/** `invalid_sql_statement_name` and `duplicate_prepared_statement` of Postgres' appendix A: a pooler without support for names. */
const UNSUPPORTED: readonly unknown[] = ['26000', '42P05']

/** `feature_not_supported`: a migration has changed the type of a column that the plan of this connection returns. */
const OUTDATED = '0A000'

/** @param send runs a statement, and closes its connection after an error */
export function withNames(send: Send): Send {
  const named = new WeakMap<QueryConfig, QueryConfig>()
  let areSupported = true

  function namedOf(config: QueryConfig): QueryConfig {
    let found = named.get(config)
    if (found === undefined) {
      found = { ...config, name: hash('sha256', config.text, 'hex').slice(0, 32) }
      named.set(config, found)
    }
    return found
  }

  return async (config, values) => {
    if (config.name !== NAMED) return send(config, values)
    if (areSupported) {
      try {
        return await send(namedOf(config), values)
      } catch (error) {
        const code = error instanceof DatabaseError ? error.code : undefined
        if (UNSUPPORTED.includes(code)) areSupported = false
        else if (code !== OUTDATED) throw error
      }
    }
    return send({ ...config, name: '' }, values)
  }
}
