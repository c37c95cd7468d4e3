// The bridge that stands in for Neon's HTTP endpoint in tests: errors, values and transactions as Neon returns them.
import { neon } from '@neondatabase/serverless'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectNeon } from '../../drizzle/drivers/neon.ts'
import { createPostgresDatabase } from '../support/database.ts'
import { startNeonBridge } from '../support/neon-bridge.ts'

let bridge: Awaited<ReturnType<typeof startNeonBridge>>
let url: string
beforeAll(async () => {
  bridge = await startNeonBridge()
  url = await createPostgresDatabase()
})
afterAll(() => bridge.close())

test('the Neon bridge returns errors with their SQLSTATE', async () => {
  const { db } = connectNeon(url, { endpoint: bridge.endpoint })
  await expect(db.execute('select * from nowhere')).rejects.toMatchObject({ cause: { code: '42P01' } })
})

test('the Neon bridge returns values as text', async () => {
  connectNeon(url, { endpoint: bridge.endpoint })
  const rows = await neon(url).query(
    `select 1 as number, true as yes, null as nothing, '{"a": [1]}'::jsonb as json, array['x', 'y'] as list`,
  )
  expect(rows).toEqual([{ number: 1, yes: true, nothing: null, json: { a: [1] }, list: ['x', 'y'] }])
})

test('the Neon bridge runs a batch in one transaction', async () => {
  connectNeon(url, { endpoint: bridge.endpoint })
  const sql = neon(url)
  await sql`create table things (name text unique)`
  const insert = (name: string) => sql`insert into things values (${name})`
  await sql.transaction([insert('a'), insert('b')])
  await expect(sql.transaction([insert('c'), insert('a')])).rejects.toMatchObject({ code: '23505' })
  expect(await sql`select name from things order by name`).toEqual([{ name: 'a' }, { name: 'b' }])
})
