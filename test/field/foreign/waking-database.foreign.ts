// A database that is asleep and needs eight seconds to wake, as Neon's may (docs: compute lifecycle), or that is silent for longer than
// the server waits: migrations and requests wait, and an answer that is too late is a 503 with Retry-After.
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { createEmptyDatabase, createPostgresDatabase } from '../../support/database.ts'
import { changed } from '../../support/tcp-servers.ts'
import { createServerFixture, spawnNode, startServer } from '../../support/server.ts'

const WAKES_MS = 8_000
const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
})

/** A database behind a proxy that holds its first bytes back until it is awake. @returns its URL */
async function asleep(url: string, wakesMs: number): Promise<string> {
  const { hostname, port } = new URL(url)
  const sockets = new Set<Socket>()
  let awake: Promise<unknown> | undefined
  async function forward(socket: Socket): Promise<void> {
    await (awake ??= sleep(wakesMs))
    const upstream = connect(Number(port), hostname)
    upstream.on('error', () => {})
    socket.on('close', () => upstream.destroy())
    socket.pipe(upstream).pipe(socket)
  }
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    void forward(socket)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  cleanUps.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  return changed(url, { port: String(typeof address === 'object' ? address?.port : '') })
}

test('migrations wait for a database that wakes after eight seconds', async () => {
  const { exited, printed } = spawnNode('drizzle/migrate.ts', {
    DATABASE_URL: await asleep(await createEmptyDatabase(), WAKES_MS),
  })
  expect([(await exited).code, printed.stderr]).toEqual([0, ''])
  expect(printed.stdout).toContain('The schema is up to date.')
})

test('the first request of a server waits for a database that wakes after eight seconds', async () => {
  const fixture = await createServerFixture()
  const server = await startServer({
    ...fixture.settings,
    DATABASE_URL: await asleep(await createPostgresDatabase(), WAKES_MS),
  })
  expect((await server.call('/workspaces')).status).toBe(200)
  expect(server.printed.stdout).not.toContain('NOT READY')
  await server.end('SIGTERM')
  fixture.remove()
})

test('a request that would wait longer than DATABASE_TIMEOUT_SECONDS is a 503 with Retry-After, and later ones succeed', async () => {
  const fixture = await createServerFixture()
  const server = await startServer({
    ...fixture.settings,
    DATABASE_TIMEOUT_SECONDS: '2',
    DATABASE_URL: await asleep(await createPostgresDatabase(), WAKES_MS),
  })
  expect(server.printed.stdout).toMatch(
    /NOT READY: the database did not answer within DATABASE_TIMEOUT_SECONDS/,
  )
  const begun = performance.now()
  const late = await server.call<{ error: string }>('/workspaces')
  expect([late.status, late.headers.get('retry-after'), late.body.error]).toEqual([
    503,
    expect.stringMatching(/^\d+$/),
    'the database did not answer within DATABASE_TIMEOUT_SECONDS',
  ])
  // Far below the eight seconds, on a busy machine too.
  expect(performance.now() - begun).toBeLessThan(7_000)
  for (let status = 0; status !== 200; await sleep(500)) ({ status } = await server.call('/workspaces'))
  await server.end('SIGTERM')
  fixture.remove()
})
