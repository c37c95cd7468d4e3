// A create does not send the columns that nothing has happened to yet, so the database must give them the values that the code
// returns to the caller.
import { getTableColumns } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { workspaces } from '../../drizzle/schema/index.ts'
import { UNTOUCHED } from '../../lib/workspaces/untouched.ts'

const columns = getTableColumns(workspaces)

test.each(Object.entries(UNTOUCHED))('the default of the column %s is %j', (name, value) => {
  const column = columns[name as keyof typeof UNTOUCHED]
  expect(column.default ?? null).toEqual(value)
  expect(column.hasDefault || !column.notNull).toBe(true)
})
