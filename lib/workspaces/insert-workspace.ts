// Stores a new workspace in one statement, alone or with others.
import { sql } from 'drizzle-orm'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { slugTaken } from '../lifecycle/slugs.ts'
import type { Store } from '../platform/context.ts'
import { isUniqueViolation } from '../platform/database-errors.ts'
import type { createInsertTogether } from './insert-together.ts'
import {
  type Always,
  type Cells,
  insertStatement,
  type Parts,
  partsOf,
  selectCells,
} from './insert-statement.ts'
import {
  alwaysOf,
  type NewWorkspace,
  type Outcome,
  outcomesOf,
  partRecords,
  type Pending,
  pendingOf,
} from './pending-workspace.ts'

/** @throws DomainError `conflict` when the slug is taken */
export type InsertWorkspace = (workspace: NewWorkspace) => Promise<Outcome>

/** @param insertTogether where requests may wait for each other; on Workers they may not */
export function createInsertWorkspace(
  store: Pick<Store, 'db'>,
  insertTogether?: typeof createInsertTogether,
): InsertWorkspace {
  const { db } = store
  async function insertAlone(one: Pending): Promise<Outcome> {
    const { cells, files, quota, row, sealed } = one
    const values = { ...cells, ...alwaysOf([one], quota) }
    const hasParts = row.disk !== null || row.parentId !== null || files.length > 0 || sealed.length > 0
    const rows = await (hasParts
      ? insertWithParts(db, { ...values, ...partRecords([one]) })
      : insertBare(db, values))
    return outcomesOf(rows)(one)
  }

  const insert = insertTogether?.(store, insertAlone) ?? insertAlone
  return async (workspace) => {
    try {
      return await insert(pendingOf(workspace))
    } catch (error) {
      const { slug } = workspace.row
      throw slug !== null && isUniqueViolation(error) ? slugTaken(slug) : error
    }
  }
}

const oneRow = (valueOf: ValueOf<Cells>) => selectCells((column) => sql`${valueOf(column)}`)

const insertBare = prepared((db, valueOf: ValueOf<Always & Cells>) =>
  insertStatement(db, valueOf, { rows: oneRow(valueOf) }),
)

const insertWithParts = prepared((db, valueOf: ValueOf<Always & Cells & Parts>) =>
  insertStatement(db, valueOf, {
    rows: oneRow(valueOf),
    parentId: sql`${valueOf('parentId')}`,
    parts: partsOf(valueOf),
  }),
)
