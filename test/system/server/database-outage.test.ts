// A database that is silent, missing, refused or not migrated, as callers and operators of a running server see it.
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { migratePostgres } from '../../../drizzle/drivers/migrate-postgres.ts'
import { createEmptyDatabase, createPostgresDatabase } from '../../support/database.ts'
import { askRegion, type Json } from '../../support/harness.ts'
import { createServerFixture, type Server, startServer } from '../../support/server.ts'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
})

async function start(settings: Record<string, string>): Promise<Server> {
  const fixture = await createServerFixture()
  cleanUps.push(() => fixture.remove())
  const server = await startServer({ ...fixture.settings, SWEEP_INTERVAL_SECONDS: '1', ...settings })
  cleanUps.push(() => server.end('SIGTERM'))
  return server
}

async function eventually<Value>(look: () => Promise<Value | undefined>): Promise<Value> {
  for (let tries = 0; tries < 300; tries++) {
    const value = await look()
    if (value !== undefined) return value
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('it did not happen within 30 s')
}

/** A connection string with another part. */
function changed(url: string, change: Partial<Pick<URL, 'password' | 'port'>>) {
  return Object.assign(new URL(url), change).href
}

/** A way to a database that falls silent as a stopped Postgres does: it takes connections and bytes, and answers nothing. */
async function startWayTo(url: string) {
  const { hostname, port } = new URL(url)
  const sockets = new Set<Socket>()
  let isSilent = false
  const way = createServer((client) => {
    const database = connect(Number(port), hostname)
    for (const [from, to] of [
      [client, database],
      [database, client],
    ] as const) {
      sockets.add(from)
      from.on('data', (bytes) => to.write(bytes)).on('error', () => to.destroy())
      from.on('close', () => sockets.delete(from) && to.end())
      if (isSilent) from.pause()
    }
  })
  await new Promise<void>((listening) => way.listen(0, '127.0.0.1', listening))
  cleanUps.push(() => {
    for (const socket of sockets) socket.destroy()
    way.close()
  })
  return {
    url: changed(url, { port: String((way.address() as AddressInfo).port) }),
    stop() {
      isSilent = true
      for (const socket of sockets) socket.pause()
    },
    continue() {
      isSilent = false
      for (const socket of sockets) socket.resume()
    },
  }
}

describe('a Postgres that is silent', () => {
  test('makes requests 503 with Retry-After within DATABASE_TIMEOUT_SECONDS, and loses and doubles nothing', async () => {
    const way = await startWayTo(await createPostgresDatabase())
    const server = await start({ DATABASE_URL: way.url, DATABASE_TIMEOUT_SECONDS: '2' })
    const create = (name: string) => server.call('/workspaces', { method: 'POST', json: { name } })
    const becomesReady = (id: string) =>
      eventually(async () => {
        const { body } = await server.call(`/workspaces/${id}`)
        return body['status'] === 'ready' ? body : undefined
      })
    const before = await create('before')
    expect(before.status).toBe(201)
    await becomesReady(String(before.body['id']))

    way.stop()
    const requests = Array.from({ length: 15 }, async (_, at) => {
      const begun = performance.now()
      const { body, headers, status } =
        at % 3 === 0 ? await create(`during ${at}`) : await server.call('/workspaces')
      return {
        status,
        code: body['code'],
        retry: headers.get('retry-after'),
        seconds: (performance.now() - begun) / 1000,
      }
    })
    const answers = await Promise.all(requests)
    for (const { code, retry, status } of answers) {
      expect({ code, retry, status }).toEqual({ code: 'unavailable', retry: '5', status: 503 })
    }
    // The limit is 2 s. The rest is for a busy machine, and is far below the time for which it is silent.
    expect(Math.max(...answers.map(({ seconds }) => seconds))).toBeLessThan(12)
    expect((await server.call('/livez')).status).toBe(200)
    const ready = await server.call('/readyz')
    expect(ready).toMatchObject({ status: 503, body: { checks: { database: { ok: false } } } })
    expect(JSON.stringify(ready.body)).toContain('did not answer within DATABASE_TIMEOUT_SECONDS')

    way.continue()
    const listed = await eventually(async () => {
      const { body, status } = await server.call<Json[]>('/workspaces')
      const isReady = status === 200 && body.length > 0 && body.every((one) => one['status'] === 'ready')
      return isReady ? body : undefined
    })
    // A create that was answered 503 has either happened as a whole or not at all.
    const names = listed.map((one) => String(one['name']))
    expect(new Set(names).size).toBe(names.length)
    for (const { id } of listed) {
      const { body } = await server.call(`/events?workspace=${String(id)}`)
      expect(JSON.stringify(body)).toContain('workspace_')
    }
    const after = await create('after')
    expect(after.status).toBe(201)
    await becomesReady(String(after.body['id']))
    const message = { method: 'POST', json: askRegion() }
    expect((await server.call(`/workspaces/${String(after.body['id'])}/a2a`, message)).status).toBe(200)
  })
})

describe('a database without tables', () => {
  test('a database without tables is one line at start and a 503 that names npm run db:migrate, and works once migrated', async () => {
    const url = await createEmptyDatabase()
    const server = await start({ DATABASE_URL: url })
    expect(server.printed.stdout).toContain(
      'NOT READY: the database lacks tables or columns of this version; run: npm run db:migrate.',
    )
    expect(server.printed.stdout).not.toContain('curl')
    const refused = await server.call('/workspaces', { method: 'POST', json: { name: 'early' } })
    expect(refused).toMatchObject({ status: 503, body: { code: 'misconfigured' } })
    expect(refused.body['detail']).toContain('npm run db:migrate')
    const ready = await server.call('/readyz')
    expect(ready).toMatchObject({ status: 503 })
    expect(JSON.stringify(ready.body)).toContain('npm run db:migrate')

    await migratePostgres(url)
    const created = await server.call('/workspaces', { method: 'POST', json: { name: 'late' } })
    expect(created.status).toBe(201)
    expect(server.printed.stderr).not.toMatch(/"stack"|^\s+at /m)
  })
})

describe('a database that refuses this server', () => {
  test('a database that refuses the server is one line at start, and a 503 and a failing /readyz that name the cause and the remedy', async () => {
    const server = await start({
      DATABASE_URL: changed(await createPostgresDatabase(), { password: 'wrong' }),
    })
    const answer = await server.call('/workspaces')
    expect(answer.status).toBe(503)
    const ready = await server.call('/readyz')
    expect(ready.status).toBe(503)
    for (const text of [server.printed.stdout, String(answer.body['detail']), JSON.stringify(ready.body)]) {
      expect(text).toContain('the database refuses the password in DATABASE_URL')
      expect(text).toContain('@ is %40')
    }
    expect(server.printed.stderr).not.toMatch(/"stack"|^\s+at /m)
    expect(server.printed.stdout + server.printed.stderr).not.toContain('wrong')
  })
})
