// The Worker of the environment `hyperdrive` in workerd, from the bundle that would be deployed. `npm run test:hyperdrive`
// runs the behaviour tests with it.
import { DrizzleQueryError, sql } from 'drizzle-orm'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isDatabaseUnavailable } from '../../drizzle/database-failure.ts'
import { connectHyperdrive, onConnection } from '../../drizzle/drivers/hyperdrive.ts'
import { createPostgresDatabase } from '../support/database.ts'
import { askRegion, type Json } from '../support/harness.ts'
import { freePorts } from '../support/ports.ts'
import { ADMIN_TOKEN, startWorkerd, startWorkerFixture, type WorkerFixture } from '../support/worker.ts'
import { type Bundle, bundleWorker } from '../support/worker-bundle.ts'

let bundle: Bundle
beforeAll(async () => {
  bundle = await bundleWorker({ environment: 'hyperdrive' })
})

test('the Hyperdrive Worker contains one driver', () => {
  const unwanted = /lib\/emulator|pglite|neondatabase|@a2a-js|functions\/(node|listen|embedded-fly)\.ts/
  expect(bundle.inputs.filter((input) => unwanted.test(input))).toEqual([])
})

test('the Hyperdrive Worker answers 503 without its binding and says where to write it', async () => {
  const worker = await startWorkerd(bundle.code, { CONTAINER_BACKEND: 'flyio' }, { nodejs: true })
  try {
    const response = await fetch(`${worker.url}/workspaces`)
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({
      code: 'misconfigured',
      detail: expect.stringContaining('HYPERDRIVE is missing') as string,
    })
  } finally {
    await worker.close()
  }
})

test('the Hyperdrive Worker reports a database that is down and stays alive', async () => {
  const [port] = await freePorts(1)
  const worker = await startWorkerd(
    bundle.code,
    {
      CONTAINER_BACKEND: 'flyio',
      FLY_API_TOKEN: 'a-token',
      FLY_WORKSPACE_APP: 'an-app',
      PUBLIC_URL: 'https://workspaces.example',
      ADMIN_TOKEN,
    },
    { hyperdrive: `postgres://user:password@127.0.0.1:${port}/none` },
  )
  try {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` }
    const response = await fetch(`${worker.url}/workspaces`, { headers })
    expect([response.status, await response.json()]).toMatchObject([503, { code: 'unavailable' }])
    expect((await fetch(`${worker.url}/livez`)).status).toBe(200)
  } finally {
    await worker.close()
  }
})

test("Hyperdrive's connection errors are reported as an unavailable database", () => {
  const cause = Object.assign(new Error('Failed to acquire a connection from the pool.'), { code: '58000' })
  expect(isDatabaseUnavailable(new DrizzleQueryError('select', [], cause))).toBe(true)
})

test('statements of one invocation run one after the other', async () => {
  const { db } = connectHyperdrive()
  const rows = await onConnection(await createPostgresDatabase(), async () => {
    const [, { rows }] = await Promise.all([
      db.execute(sql`select pg_sleep(6)`) as unknown as Promise<{ rows: Json[] }>,
      db.execute(sql`select 1 as one`) as unknown as Promise<{ rows: Json[] }>,
    ])
    return rows
  })
  expect(rows).toEqual([{ one: 1 }])
})

describe('in workerd', () => {
  let worker: WorkerFixture
  let database: Client
  beforeAll(async () => {
    worker = await startWorkerFixture(bundle.code, {}, {}, { overHyperdrive: true })
    database = new Client({ connectionString: worker.database })
    await database.connect()
  })
  afterAll(async () => {
    await database.end()
    await worker.close()
  })

  const post = async (path: string, json?: Json, headers: Record<string, string> = {}) => {
    const response = await worker.call(path, { method: 'POST', headers, json })
    return { status: response.status, body: (await response.json()) as Json }
  }

  // These are its first requests, because a Worker checks for a cache until it has found none.
  test('a Hyperdrive Worker with a stale cache serves and sweeps nothing', async () => {
    // Behaves like a cache to a reader: a row that was just written is missing.
    await database.query(
      `create function discard_row() returns trigger language plpgsql as 'begin return null; end'`,
    )
    await database.query(
      'create trigger as_a_cache before insert or update on rate_limits for each row execute function discard_row()',
    )
    const { status, body } = await post('/workspaces', { name: 'stale' })
    expect(status).toBe(503)
    expect(body).toMatchObject({
      code: 'misconfigured',
      detail: expect.stringContaining('--caching-disabled true') as string,
    })
    expect(await worker.runCron()).not.toBe('ok')
    expect((await worker.call('/readyz')).status).toBe(503)
    expect((await worker.call('/livez')).status).toBe(200)

    await database.query('drop trigger as_a_cache on rate_limits')
    expect(await (await worker.call('/workspaces')).json()).toEqual([])
    expect(await worker.runCron()).toBe('ok')
  })

  test('the Hyperdrive Worker reports its parts, creates a workspace, proxies a message and sweeps', async () => {
    expect(await (await worker.call('/healthz')).json()).toMatchObject({ database: 'hyperdrive' })
    const { body } = await post('/workspaces', { name: 'one', runtime: 'hermes' }, { prefer: 'wait=20' })
    expect(body).toMatchObject({ status: 'ready' })
    expect((await post(`/workspaces/${String(body['id'])}/a2a`, askRegion())).body).toMatchObject({
      result: { parts: [{ text: 'ord' }] },
    })
    expect(await worker.runCron()).toBe('ok')
    expect((await worker.call('/readyz')).status).toBe(200)
  })

  test('the Hyperdrive Worker answers many requests at once', async () => {
    const answers = await Promise.all(Array.from({ length: 60 }, () => worker.call('/workspaces')))
    expect(answers.filter(({ status }) => status !== 200)).toEqual([])
  })
})
