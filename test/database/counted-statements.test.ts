// Statements of work that is counted: a Worker has a budget of requests for each invocation, and builds no statement for it.
import { PgDialect } from 'drizzle-orm/pg-core'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { connectNeon } from '../../drizzle/drivers/neon.ts'
import { claimWorkspace } from '../../lib/lifecycle/queries.ts'
import { createPostgresDatabase } from '../support/database.ts'
import { startNeonBridge } from '../support/neon-bridge.ts'

let bridge: Awaited<ReturnType<typeof startNeonBridge>>
let url: string
beforeAll(async () => {
  url = await createPostgresDatabase()
  bridge = await startNeonBridge()
})
afterAll(() => bridge.close())

const ID = '00000000-0000-4000-8000-000000000001'

test('each budget counts its own statements, and a statement is built once for all of them', async () => {
  const { counted, db } = connectNeon(url, { endpoint: bridge.endpoint })
  const built = vi.spyOn(PgDialect.prototype, 'sqlToQuery')
  const counts = [0, 0]
  for (const at of counts.keys()) {
    const own = counted?.({ spend: () => counts[at]!++ })
    expect(own).toBeDefined()
    expect(await claimWorkspace(own ?? db, ID)).toBeUndefined()
  }
  expect(built).toHaveBeenCalledOnce()
  expect(await claimWorkspace(db, ID)).toBeUndefined()
  expect(built).toHaveBeenCalledOnce()
  expect(counts).toEqual([1, 1])
  expect(bridge.statements).toHaveLength(3)
})

test('a statement whose budget is used up is not sent', async () => {
  const { counted, db } = connectNeon(url, { endpoint: bridge.endpoint })
  const refuse = () => {
    throw new Error('used up')
  }
  const before = bridge.statements.length
  await expect(claimWorkspace(counted?.({ spend: refuse }) ?? db, ID)).rejects.toThrow()
  expect(bridge.statements).toHaveLength(before)
})
