// Creates of one caller wait for each other's quota anyway. So while one is under way, those that come share the next statement.
import { sql } from 'drizzle-orm'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { workspaces } from '../../drizzle/schema/index.ts'
import { createBatches } from '../platform/batches.ts'
import type { Store } from '../platform/context.ts'
import { isRefusedStatement } from '../platform/database-errors.ts'
import {
  type Always,
  COLUMNS,
  insertStatement,
  listed,
  type Parts,
  partsOf,
  selectCells,
} from './insert-statement.ts'
import {
  alwaysOf,
  type InsertPending,
  type Outcome,
  outcomesOf,
  partRecords,
  type Pending,
} from './pending-workspace.ts'

/** Workspaces in one statement, and characters of their values: the next ones of the caller wait for it. */
const MAX_TOGETHER = 50
const MAX_LENGTH = 500_000

/** @param insertAlone stores one workspace in a statement of its own, which needs less than a shared one */
export function createInsertTogether({ db }: Pick<Store, 'db'>, insertAlone: InsertPending): InsertPending {
  const insert = createBatches<Pending, Outcome | 'refused_together'>({
    maxItems: MAX_TOGETHER,
    maxSize: MAX_LENGTH,
    sizeOf: lengthOf,
    async run(together) {
      const [first, ...others] = together
      if (first === undefined) throw new TypeError('there is nothing to store')
      if (others.length === 0) {
        const outcome = await insertAlone(first)
        return () => outcome
      }
      try {
        const rows = await insertMany(db, {
          ...alwaysOf(together, first.quota),
          ...partRecords(together),
          rows: JSON.stringify(together.map(({ cells }) => cells)),
        })
        const outcomeOf = outcomesOf(rows)
        return (one) => (outcomeOf(one) === 'over_quota' ? 'refused_together' : outcomeOf(one))
      } catch (error) {
        if (isRefusedStatement(error)) return () => 'refused_together'
        throw error
      }
    },
  })
  return async (one) => {
    const outcome = await insert(one.quota.key, one)
    // Nothing was stored, because of one of them or of their number: each now gets its own answer.
    return outcome === 'refused_together' ? insertAlone(one) : outcome
  }
}

/** Characters of its values, about. */
function lengthOf({ cells, files, payload, sealed }: Pending): number {
  let length = payload.length
  for (const column of COLUMNS) {
    const cell = cells[column]
    if (typeof cell === 'string') length += cell.length
  }
  for (const { base64 } of files) length += base64.length
  for (const secret of sealed) length += secret.sealed.length
  return length
}

/** Selects the workspaces of a list of {@link Cells}, as JSON. */
const listedRows = (valueOf: ValueOf<{ rows: string }>) =>
  sql`${selectCells((column) => sql`${sql.identifier(column)}::${sql.raw(workspaces[column].getSQLType())}`)}
    from json_to_recordset(${valueOf('rows')}::json) as row(${listed((column) => sql`${sql.identifier(column)} text`)})`

const insertMany = prepared((db, valueOf: ValueOf<Always & Parts & { rows: string }>) =>
  insertStatement(db, valueOf, {
    rows: listedRows(valueOf),
    parentId: sql`row."parentId"`,
    parts: partsOf(valueOf),
  }),
)
