// PgBouncer in transaction mode, from Debian, before the Postgres of this run: migrations, a fleet and its refusals work through it
// (github.com/goauthentik/authentik/issues/23876), also while all connections to the database are ended.
import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { diagnoseDatabase } from '../../../drizzle/database-failure.ts'
import { connectPostgres } from '../../../drizzle/drivers/postgres.ts'
import { guardChild } from '../../support/child-guard.ts'
import { freePorts } from '../../support/ports.ts'
import { createServerFixture, type Server, spawnNode, startServer } from '../../support/server.ts'
import { hasPart, partPath } from './parts.ts'

const DATABASE = `pooled_${Date.now()}`
let directory: string
let port: number
let stop: () => Promise<void>

/** Runs a statement on the Postgres itself. */
async function direct(statement: string): Promise<void> {
  const client = new Client({ connectionString: inject('postgresUrl') })
  await client.connect()
  await client.query(statement)
  await client.end()
}

const pooled = (database = DATABASE, user = 'postgres:postgres') =>
  `postgres://${user}@127.0.0.1:${port}/${database}`

beforeAll(async () => {
  if (!hasPart('pgbouncer')) return
  await direct(`create database ${DATABASE}`)
  directory = mkdtempSync(join(tmpdir(), 'pooler-'))
  // PgBouncer runs as another user.
  chmodSync(directory, 0o755)
  ;[port = 0] = await freePorts(1)
  const { hostname, port: upstream } = new URL(inject('postgresUrl'))
  writeFileSync(join(directory, 'users.txt'), '"postgres" "postgres"\n')
  const at = `host=${hostname} port=${upstream}`
  writeFileSync(
    join(directory, 'pgbouncer.ini'),
    [
      '[databases]',
      `gone = ${at} dbname=gone`,
      `badpassword = ${at} dbname=postgres user=postgres password=wrong`,
      `* = ${at}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${port}`,
      'auth_type = scram-sha-256',
      `auth_file = ${join(directory, 'users.txt')}`,
      'pool_mode = transaction',
      'default_pool_size = 3',
      'max_client_conn = 100',
      'unix_socket_dir =',
    ].join('\n'),
  )
  const binary = partPath('pgbouncer')
  const libraries = join(dirname(dirname(binary)), 'lib')
  const child = spawn(binary, [join(directory, 'pgbouncer.ini')], {
    stdio: 'ignore',
    env: {
      ...process.env,
      LD_LIBRARY_PATH: readdirSync(libraries)
        .map((name) => join(libraries, name))
        .join(':'),
    },
    // PgBouncer refuses to run as root.
    ...(userInfo().uid === 0 ? { uid: 65_534, gid: 65_534 } : {}),
  })
  const release = guardChild(child.pid)
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      release()
      resolve()
    })
  })
  stop = async () => {
    child.kill('SIGKILL')
    await ended
    rmSync(directory, { recursive: true, force: true })
  }
  await sleep(500)
})
afterAll(() => stop?.())

describe.skipIf(!hasPart('pgbouncer'))('a pooler in transaction mode', () => {
  test('migrations run once, also when three processes begin at the same time', async () => {
    const runs = Array.from({ length: 3 }, () => spawnNode('drizzle/migrate.ts', { DATABASE_URL: pooled() }))
    for (const { exited, printed } of runs) {
      expect([(await exited).code, printed.stderr]).toEqual([0, ''])
      expect(printed.stdout).toContain('The schema is up to date.')
    }
    const applied = runs.flatMap(({ printed }) => printed.stdout.match(/^applied .*$/gm) ?? [])
    expect(new Set(applied).size).toBe(applied.length)
  })

  test('a fleet comes up and answers while every connection of the database is ended', async () => {
    const fixture = await createServerFixture()
    const server: Server = await startServer({ ...fixture.settings, DATABASE_URL: pooled() })
    const ids = await Promise.all(
      Array.from({ length: 4 }, async (_, at) => {
        const { body, status } = await server.call<{ id: string; status: string }>('/workspaces', {
          method: 'POST',
          headers: { prefer: 'wait=60' },
          json: { name: `w-${at}` },
        })
        expect([status, body.status]).toEqual([expect.toBeOneOf([201, 202]), 'ready'])
        return body.id
      }),
    )
    const send = async (id: string, text: string) => {
      const message = {
        kind: 'message',
        role: 'user',
        messageId: crypto.randomUUID(),
        parts: [{ kind: 'text', text }],
      }
      const { status } = await server.call(`/workspaces/${id}/a2a`, {
        method: 'POST',
        json: { jsonrpc: '2.0', id: 1, method: 'message/send', params: { message } },
      })
      return status
    }
    const statuses: number[] = []
    for (let round = 0; round < 5; round++) {
      await direct(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '${DATABASE}'`)
      statuses.push(...(await Promise.all([...ids, ...ids, ...ids].map((id) => send(id, 'hi')))))
    }
    // What the database could not do is a 503 to repeat, and nothing else.
    expect(statuses.filter((status) => status !== 200 && status !== 503)).toEqual([])
    expect(await send(ids[0] ?? '', 'after')).toBe(200)
    expect((await server.call('/readyz')).status).toBe(200)
    await server.end('SIGTERM')
    fixture.remove()
  })

  test.each<[string, () => string, RegExp]>([
    ['a wrong password', () => pooled(DATABASE, 'postgres:wrong'), /refuses the password/],
    ['an unknown user', () => pooled(DATABASE, 'nobody:postgres'), /refuses the password/],
    ['a database that the pooler knows and Postgres does not', () => pooled('gone'), /does not exist/],
    ["a wrong password of the pooler's own", () => pooled('badpassword'), /refuses the password/],
    ['TLS that the pooler does not offer', () => `${pooled()}?sslmode=require`, /does not offer/],
  ])('the pooler refuses %s for good, and the cause is named', async (_, url, cause) => {
    const { close, db } = connectPostgres(url(), { timeoutMs: 10_000 })
    const failure = diagnoseDatabase(
      await db.execute(sql`select 1`).then(
        () => undefined,
        (error: unknown) => error,
      ),
    )
    await close()
    expect(failure).toMatchObject({ kind: 'refused', message: expect.stringMatching(cause) as string })
  })
})
