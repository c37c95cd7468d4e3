// A real Postgres that accepts only TLS, with a certificate of a private authority: what people write in DATABASE_URL, and what they
// learn (github.com/brianc/node-postgres/issues/2375, /2009, /2558, github.com/drizzle-team/drizzle-orm/issues/4010,
// github.com/porsager/postgres/issues/735).
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkDatabase } from '../../commands/doctor/check-database.ts'
import { createContext } from '../../commands/doctor/context.ts'
import { diagnoseDatabase } from '../../drizzle/database-failure.ts'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import { parseConfig } from '../../lib/config/config.ts'
import { startPostgres } from '../support/postgres.ts'
import { bundleOf } from '../support/server-program.ts'
import { createServerFixture, spawnNode, startServer } from '../support/server.ts'

let postgres: Awaited<ReturnType<typeof startPostgres>>
beforeAll(async () => {
  postgres = await startPostgres({ tls: true })
})
afterAll(() => postgres?.stop())

/** The server's URL with `FILE` in the query replaced by the authority's file. */
function urlWith(search: string, change: (url: URL) => void = () => {}): string {
  const url = new URL(postgres.url)
  url.search = search.replace('FILE', postgres.authority)
  change(url)
  return url.href
}

const onIp = (url: URL) => void (url.hostname = '127.0.0.1')

test.each<[string, (url: URL) => void]>([
  ['?sslmode=verify-full&sslrootcert=FILE', () => {}],
  ['?sslrootcert=FILE', () => {}],
  ['?sslmode=require&sslrootcert=FILE', () => {}],
  ['?uselibpqcompat=true&sslmode=require', () => {}],
  ['?uselibpqcompat=true&sslmode=require', onIp],
  ['?uselibpqcompat=true&sslmode=verify-ca&sslrootcert=FILE', onIp],
  ['?sslmode=no-verify', onIp],
  ['?sslmode=verify-full&sslrootcert=FILE&sslnegotiation=direct', () => {}],
])('the parameters %s connect', async (search, change) => {
  const { close, db } = connectPostgres(urlWith(search, change))
  await db.execute(sql`select 1`)
  await close()
})

describe('a refusal names its cause and the way out:', () => {
  test.each<[string, string, (url: URL) => void, RegExp, RegExp]>([
    [
      'a private authority',
      '?sslmode=require',
      () => {},
      /not signed by a known authority/,
      /sslrootcert=FILE/,
    ],
    [
      'a private authority as system',
      '?sslmode=verify-full&sslrootcert=system',
      () => {},
      /not signed by a known/,
      /sslrootcert=FILE/,
    ],
    ['no TLS', '', () => {}, /requires an encrypted connection/, /sslmode=verify-full/],
    [
      'TLS that is disabled',
      '?sslmode=disable',
      () => {},
      /requires an encrypted connection/,
      /sslmode=verify-full/,
    ],
    ['another host name', '?sslrootcert=FILE', onIp, /for another host name/, /verify-ca&sslrootcert=FILE/],
    [
      'verify-ca without a file',
      '?uselibpqcompat=true&sslmode=verify-ca',
      () => {},
      /verify-ca needs/,
      /sslrootcert=FILE/,
    ],
    [
      'a missing file',
      '?sslrootcert=/nowhere/ca.pem',
      () => {},
      /certificate file .* cannot be read/,
      /sslrootcert/,
    ],
    [
      'a wrong password',
      '?sslmode=no-verify',
      (url) => void (url.password = 'wrong'),
      /refuses the password/,
      /@ is %40/,
    ],
    [
      'no password',
      '?sslmode=no-verify',
      (url) => void (url.password = ''),
      /has no password/,
      /DATABASE_URL/,
    ],
    [
      'a missing role',
      '?sslmode=no-verify',
      (url) => void (url.username = 'nobody'),
      /refuses the password/,
      /correct the user/,
    ],
    [
      'a missing database',
      '?sslmode=no-verify',
      (url) => void (url.pathname = '/none'),
      /does not exist/,
      /create it/,
    ],
    [
      'an unknown parameter of the server',
      '?sslmode=no-verify&options=project%3Da',
      () => {},
      /refuses the connection/,
      /options/,
    ],
  ])('%s', async (_, search, change, cause, remedy) => {
    const url = urlWith(search, change)
    const { close, db } = connectPostgres(url)
    const failure = diagnoseDatabase(
      await db.execute(sql`select 1`).then(
        () => undefined,
        (error: unknown) => error,
      ),
    )
    await close()
    expect(failure).toMatchObject({ kind: 'refused', message: expect.stringMatching(cause) as string })
    expect(failure?.remedy).toMatch(remedy)
    const context = createContext(parseConfig({ DATABASE_URL: url }))
    const finding = await checkDatabase(context)
    await context.close()
    expect(finding).toMatchObject({ state: 'wrong', detail: expect.stringMatching(cause) as string })
    expect(finding.fix.join()).toMatch(remedy)
  })

  test('an unknown sslmode is a mistake of the setting', () => {
    expect(() => parseConfig({ DATABASE_URL: urlWith('?sslmode=reqiure') })).toThrow(
      /unknown sslmode: use one of disable, prefer, require/,
    )
  })
})

test("Neon's documented parameters migrate and start without any page of warnings", async () => {
  const fixture = await createServerFixture()
  const settings = {
    ...fixture.settings,
    DATABASE_URL: urlWith('?sslmode=require&channel_binding=require'),
    NODE_EXTRA_CA_CERTS: postgres.authority,
  }
  const migration = spawnNode(await bundleOf('drizzle/migrate.ts'), settings)
  expect([await migration.exited, migration.printed.stderr]).toEqual([{ code: 0, signal: null }, ''])
  const server = await startServer(settings)
  const { body } = await server.call<{ checks: unknown }>('/readyz')
  expect(body.checks).toMatchObject({ database: { ok: true }, migrations: { ok: true } })
  await server.end('SIGTERM')
  expect(server.printed.stderr).not.toMatch(/warning|sslmode|security/i)
  fixture.remove()
})

test('a refused start names its cause at start and in readyz, and shows no secret', async () => {
  const fixture = await createServerFixture()
  const DATABASE_URL = urlWith('?sslmode=no-verify', (url) => void (url.password = 'a-wrong-password'))
  const server = await startServer({ ...fixture.settings, DATABASE_URL })
  expect(server.printed.stdout).toMatch(
    /NOT READY: the database refuses the password in DATABASE_URL; correct/,
  )
  const ready = await server.call<{ checks: Record<string, { detail: string }> }>('/readyz')
  expect([ready.status, ready.body.checks['database']?.detail]).toEqual([
    503,
    expect.stringMatching(/refuses the password.*percent-encode/),
  ])
  const refused = await server.call<{ error: string }>('/workspaces')
  expect([refused.status, refused.body.error]).toEqual([503, expect.stringMatching(/refuses the password/)])
  await server.end('SIGTERM')
  expect(`${server.printed.stdout}${server.printed.stderr}`).not.toContain('a-wrong-password')
  fixture.remove()
})
