// How rows become objects. Drizzle looks at each column of each row anew, and adds its members one after the
// other: V8 then keeps a wide row as a hash table. A copy of an object that was read from a text is faster to fill and to read.
type Decoder = { mapFromDriverValue(value: unknown): unknown }

/** What a statement returns, as Drizzle's sessions get it. A column decodes its own values. */
type Field = { path: string[]; field: Decoder | { decoder: Decoder } | { sql: { decoder: Decoder } } }
type Mapper = (rows: unknown[][]) => Record<string, unknown>[]
type Session = {
  prepareQuery: (
    this: Session,
    query: unknown,
    fields: Field[] | undefined,
    name: string | undefined,
    isArrayMode: boolean,
    mapper: Mapper | undefined,
    ...rest: unknown[]
  ) => unknown
}

/** Lets a database of Drizzle read rows without nested members in this way. @returns the database */
export function withRowsAtOnce<Db extends object>(db: Db): Db {
  const session = Reflect.get(db, 'session') as Session
  const prepare = session.prepareQuery
  session.prepareQuery = function (query, fields, name, isArrayMode, mapper, ...rest) {
    return prepare.call(this, query, fields, name, isArrayMode, mapper ?? mapperOf(fields), ...rest)
  }
  return db
}

function mapperOf(fields: Field[] | undefined): Mapper | undefined {
  if (fields === undefined || fields.some(({ path }) => path.length > 1)) return undefined
  const columns = fields.map(({ field, path: [name = ''] }) => ({
    name,
    decoder: 'sql' in field ? field.sql.decoder : 'decoder' in field ? field.decoder : field,
  }))
  // A subquery has another place for it.
  if (columns.some(({ decoder }) => !('mapFromDriverValue' in decoder))) return undefined
  let empty: Record<string, unknown> | undefined
  return (rows) =>
    rows.map((cells) => {
      empty ??= emptyRow(columns.map(({ name }) => name))
      const row = { ...empty }
      let at = 0
      for (const { decoder, name } of columns) {
        const cell = cells[at++]
        if (cell !== null) row[name] = decoder.mapFromDriverValue(cell)
      }
      return row
    })
}

const emptyRow = (names: string[]) =>
  JSON.parse(JSON.stringify(Object.fromEntries(names.map((name) => [name, null])))) as Record<string, unknown>
