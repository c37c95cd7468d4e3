// A shutdown while creates share statements (lib/workspaces/insert-together.ts): each is answered or refused, and none is stored
// whose caller hears nothing.
import { Client } from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createPostgresDatabase } from '../../support/database.ts'
import { waitingForLocks } from '../../support/lock-waits.ts'
import { freePorts } from '../../support/ports.ts'
import { type Server, startServer } from '../../support/server.ts'

const TOKEN = 'a-token-of-the-operator'
const GATHERED = 12

let client: Client
let server: Server
beforeEach(async () => {
  const databaseUrl = await createPostgresDatabase()
  const [port = 0] = await freePorts(1)
  server = await startServer({
    CONTAINER_BACKEND: 'flyio',
    FLY_API_TOKEN: 'none',
    FLY_WORKSPACE_APP: 'none',
    FLY_FLAPS_BASE_URL: 'http://127.0.0.1:9',
    ADMIN_TOKEN: TOKEN,
    DATABASE_URL: databaseUrl,
    PORT: String(port),
    SHUTDOWN_GRACE_SECONDS: '2',
  })
  client = new Client({ connectionString: databaseUrl })
  await client.connect()
})
afterEach(async () => {
  await server.end('SIGKILL')
  await client.end()
})

/** @returns the status, and undefined where the connection was closed without an answer */
const create = async (name: string) => {
  const answer = await fetch(`${server.url}/workspaces`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name, runtime: 'external' }),
  }).catch(() => undefined)
  return answer?.status
}

const rowsOf = async (query: string) => (await client.query<{ count: number }>(query)).rows[0]?.count

const stored = () => rowsOf('select count(*)::int as count from workspaces')
const waiting = () => waitingForLocks(client)

/** Creates of which the first waits for the lock of this test, and the others for the first. */
async function createWhileLocked() {
  await client.query('begin')
  await client.query(
    `insert into rate_limits (key, next_at) values ('create admin', 'epoch') on conflict (key) do update set next_at = 'epoch'`,
  )
  const answers = [create('first')]
  await expect.poll(waiting).toHaveLength(1)
  answers.push(...Array.from({ length: GATHERED }, (_, at) => create(`gathered-${at}`)))
  // They have arrived when a request that came after them is answered.
  for (let asked = 0; asked < 3; asked++) await (await fetch(`${server.url}/livez`)).text()
  return answers
}

test('SIGTERM during creates: all that have arrived are answered 201, and no other is stored', async () => {
  const answers = await createWhileLocked()
  const exited = server.end('SIGTERM')
  const isAccepting = () =>
    fetch(`${server.url}/livez`).then(
      () => true,
      () => false,
    )
  await expect.poll(isAccepting).toBe(false)
  await client.query('rollback')
  const statuses = await Promise.all(answers)
  expect(await exited).toEqual({ code: 0, signal: null })
  const answered = statuses.filter((status) => status === 201)
  // The others came too late to be accepted.
  expect(answered).toEqual(statuses.filter((status) => status !== undefined))
  expect(answered.length).toBeGreaterThan(2)
  expect(await stored()).toBe(answered.length)
  expect(await rowsOf('select count(distinct xmin::text)::int as count from workspaces')).toBeLessThan(
    answered.length,
  )
})

test('SIGTERM during creates that outlast the grace period: those that wait for another are not stored', async () => {
  const answers = await createWhileLocked()
  const exited = server.end('SIGTERM')
  const statuses = await Promise.all(answers)
  await client.query('rollback')
  await exited
  // Only the statement that was sent may have been carried out.
  await expect.poll(waiting).toHaveLength(0)
  expect(await stored()).toBeLessThanOrEqual(1 + statuses.filter((status) => status === 201).length)
})
