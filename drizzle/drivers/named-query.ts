// A named statement, for node-postgres. With its own queries each execution asks for the names and types of the columns, and where a
// row is wide this takes both sides longer than the row. Here a connection learns them with the first execution: Postgres refuses to
// run a named statement whose columns have changed.
import type { Connection, CustomTypesConfig, FieldDef, PoolClient, QueryResult, Submittable } from 'pg'
import type { BoundedConfig } from './bounded-query.ts'

type Read = (text: string) => unknown

/** How values of a type are read, by the type's number in Postgres. */
type Types = { getTypeParser: (id: number, format: 'text') => Read }

/** Values of prepared statements (../prepared.ts). */
type Value = string | number | boolean | null

/** How the columns of named statements are read, for each connection that has run them. */
const columnsOf = new WeakMap<Connection, Map<string, Read[]>>()

type NamedConfig = BoundedConfig & { name: string; types: CustomTypesConfig }

const hasName = (config: BoundedConfig): config is NamedConfig =>
  config.name !== undefined && config.name !== '' && config.types !== undefined

/** Runs a statement of Drizzle, with a name or without. The rows of one with a name are arrays. */
export function runStatement(
  client: PoolClient,
  config: BoundedConfig,
  values: unknown[] = [],
): Promise<QueryResult> {
  if (!hasName(config)) return client.query(config, values)
  return new Promise((resolve, reject) => {
    client.query(
      new NamedQuery(config, values as Value[], (error, rows) => {
        if (error === null) resolve({ rows } as QueryResult)
        else reject(error)
      }),
    )
  })
}

/** node-postgres calls `submit`, and then a method for each message of the answer. Statements with a name never copy, and have a text. */
class NamedQuery implements Submittable {
  readonly name: string
  readonly text: string
  /** node-postgres reads this, and replaces the callback where the time is over. */
  readonly query_timeout: number
  callback: (error: Error | null, rows?: unknown[][]) => void
  readonly #types: Types
  readonly #values: readonly Value[]
  readonly #rows: unknown[][] = []
  #known: Map<string, Read[]> | undefined
  #columns: Read[] = []
  #failure: Error | undefined

  constructor(config: NamedConfig, values: readonly Value[], callback: NamedQuery['callback']) {
    this.name = config.name
    this.text = config.text
    this.query_timeout = config.query_timeout
    this.#types = config.types
    this.#values = values
    this.callback = callback
  }

  submit(connection: Connection): void {
    let known = columnsOf.get(connection)
    if (known === undefined) columnsOf.set(connection, (known = new Map()))
    const columns = known.get(this.name)
    const isNew = columns === undefined
    this.#known = known
    // A statement without columns is not described. After an error the connection is closed.
    if (isNew) known.set(this.name, this.#columns)
    else this.#columns = columns
    connection.stream.cork()
    if (isNew) connection.parse({ name: this.name, text: this.text, types: [] }, true)
    connection.bind({ statement: this.name, values: this.#values.map(toText) }, true)
    if (isNew) connection.describe({ type: 'P' }, true)
    connection.execute(null, true)
    connection.sync()
    connection.stream.uncork()
  }

  handleRowDescription({ fields }: { fields: FieldDef[] }): void {
    this.#columns = fields.map(({ dataTypeID }) => this.#types.getTypeParser(dataTypeID, 'text'))
    this.#known?.set(this.name, this.#columns)
  }

  handleDataRow({ fields }: { fields: (string | null)[] }): void {
    try {
      this.#rows.push(
        fields.map((text, at) => {
          const read = this.#columns[at]
          if (read === undefined) throw new Error('Postgres returned a column that it had not described')
          return text === null ? null : read(text)
        }),
      )
    } catch (error) {
      this.#failure = error as Error
    }
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.callback(this.#failure ?? null, this.#rows)
  }

  handleError(error: Error): void {
    this.callback(error)
  }
}

const toText = (value: Value): string | null => (value === null ? null : String(value))
