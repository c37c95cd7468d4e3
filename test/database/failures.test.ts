// What the drivers make of databases that refuse, are silent, or are reached through a pooler; each against a real server.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import { sql } from 'drizzle-orm'
import { describe, expect, inject, test } from 'vitest'
import { checkDatabase } from '../../commands/doctor/check-database.ts'
import { createContext } from '../../commands/doctor/context.ts'
import type { OpenDatabase } from '../../drizzle/database.ts'
import { diagnoseDatabase, isDatabaseUnavailable } from '../../drizzle/database-failure.ts'
import { connectHyperdrive, onConnection } from '../../drizzle/drivers/hyperdrive.ts'
import { connectNeon } from '../../drizzle/drivers/neon.ts'
import { connectPostgres } from '../../drizzle/drivers/postgres.ts'
import { ConfigError, parseConfig } from '../../lib/config/config.ts'
import { createEmptyDatabase } from '../support/database.ts'
import { freePorts } from '../support/ports.ts'
import { spawnNode } from '../support/server.ts'
import { bundleOf } from '../support/server-program.ts'
import { changed, cleanUps, serve } from '../support/tcp-servers.ts'

async function failureOf({ close, db }: OpenDatabase): Promise<unknown> {
  try {
    await db.execute(sql`select 1`)
  } catch (error) {
    return error
  } finally {
    await close()
  }
  throw new Error('the statement succeeded')
}

/** What the first packet of a Postgres client asks for. */
const SSL_REQUEST = 80_877_103
const isSslRequest = (packet: Buffer) => packet.length === 8 && packet.readInt32BE(4) === SSL_REQUEST

function fatal(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`)
  const head = Buffer.from('E....')
  head.writeInt32BE(fields.length + 4, 1)
  return Buffer.concat([head, fields])
}

/** Port of a server that answers the first packet of a client with an error. */
const refusing = (code: string, message: string) =>
  serve((socket) => {
    socket.once('data', () => socket.end(fatal(code, message)))
  })

/** Port of a server whose certificate its clients do not know. */
async function withPrivateCertificate(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'certificate-'))
  cleanUps.push(() => rmSync(directory, { recursive: true, force: true }))
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-days', '2']
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, ...subject],
    {
      stdio: 'ignore',
    },
  )
  return serve((socket) => {
    socket.once('data', (packet) => {
      if (!isSslRequest(packet)) return socket.destroy()
      socket.write('S')
      new TLSSocket(socket, { isServer: true, key: readFileSync(key), cert: readFileSync(cert) }).on(
        'error',
        () => {},
      )
    })
  })
}

const url = () => inject('postgresUrl')
const atPort = (port: number, search = '') => `postgres://me:secret@127.0.0.1:${port}/mine${search}`

describe('a refusal names its cause and the parameter that cures it, in the driver and in doctor:', () => {
  test.each<[string, () => string | Promise<string>, RegExp, RegExp]>([
    [
      'a wrong password',
      () => changed(url(), { password: 'wrong' }),
      /refuses the password/,
      /DATABASE_URL.*@ is %40/,
    ],
    ['a missing database', () => changed(url(), { pathname: '/nothing' }), /does not exist/, /create it/],
    [
      'TLS where the server has none',
      () => changed(url(), { search: '?sslmode=require' }),
      /does not offer an encrypted connection/,
      /remove sslmode/,
    ],
    [
      'a private certificate authority',
      async () => atPort(await withPrivateCertificate(), '?sslmode=require'),
      /not signed by a known authority/,
      /sslrootcert=FILE.*uselibpqcompat=true&sslmode=require/,
    ],
    [
      'a certificate file that is missing',
      () => changed(url(), { search: '?sslmode=verify-full&sslrootcert=/nowhere/ca.pem' }),
      /certificate file .* cannot be read/,
      /sslrootcert/,
    ],
    [
      'a missing role',
      async () => atPort(await refusing('28000', 'role "me" does not exist')),
      /user in DATABASE_URL does not exist/,
      /DATABASE_URL/,
    ],
    [
      'a server that requires TLS',
      async () =>
        atPort(await refusing('28000', 'no pg_hba.conf entry for host "1.2.3.4", user "me", no encryption')),
      /requires an encrypted connection/,
      /sslmode=verify-full/,
    ],
    [
      'a pooler without the tenant',
      async () => atPort(await refusing('XX000', 'Tenant or user not found')),
      /user in DATABASE_URL does not exist/,
      /DATABASE_URL/,
    ],
  ])('%s', async (_, prepare, cause, remedy) => {
    const target = await prepare()
    const failure = diagnoseDatabase(await failureOf(connectPostgres(target)))
    expect(failure).toMatchObject({ kind: 'refused', message: expect.stringMatching(cause) as string })
    expect(failure?.remedy).toMatch(remedy)

    const context = createContext(parseConfig({ DATABASE_URL: target }))
    cleanUps.push(() => context.close())
    const finding = await checkDatabase(context)
    expect(finding).toMatchObject({ state: 'wrong', detail: expect.stringMatching(cause) as string })
    expect(finding.fix.join()).toMatch(remedy)
    expect(JSON.stringify(finding)).not.toContain('secret')
  })

  test.each([
    ['postgres://me:p@ss/xyz9@127.0.0.1/mine', /unencoded character in its password.*@ is %40/],
    ['postgres://me:p@ss#xyz9@127.0.0.1/mine', /unencoded character in its password/],
    ['postgres://me:p@ss?xyz9@127.0.0.1/mine', /unencoded character in its password/],
    ['postgres://me:pa/ss@127.0.0.1/mine', /percent-encode/],
  ])('an unencoded character in %s', async (value, problem) => {
    expect(() => parseConfig({ DATABASE_URL: value })).toThrow(ConfigError)
    expect(() => parseConfig({ DATABASE_URL: value })).toThrow(problem)
    const { exited, printed } = spawnNode(await bundleOf('drizzle/migrate.ts'), { DATABASE_URL: value })
    expect((await exited).code).toBe(2)
    expect(printed.stderr).toMatch(problem)
    expect(printed.stderr).not.toMatch(/xyz9|^\s+at /m)
  })
})

describe('a database that may answer later is unavailable, and not refused:', () => {
  test.each<[string, () => string | Promise<string>, RegExp]>([
    ['nothing listens', async () => atPort((await freePorts(1))[0] ?? 0), /no database listens/],
    [
      'the host is unknown',
      () => 'postgres://me:secret@nowhere.invalid/mine',
      /host in DATABASE_URL is not known/,
    ],
    [
      'it is starting',
      async () => atPort(await refusing('57P03', 'the database system is starting up')),
      /starting up/,
    ],
    [
      'it has no free connection',
      async () => atPort(await refusing('53300', 'sorry, too many clients')),
      /no free/,
    ],
    [
      'it closes the connection',
      async () => atPort(await serve((socket) => socket.destroy())),
      /does not answer/,
    ],
  ])('%s', async (_, prepare, cause) => {
    const failure = diagnoseDatabase(await failureOf(connectPostgres(await prepare())))
    expect(failure).toMatchObject({ kind: 'unavailable', message: expect.stringMatching(cause) as string })
  })

  test('a primary that became a replica', async () => {
    const { close, db } = connectPostgres(await createEmptyDatabase())
    cleanUps.push(close)
    const write = db.execute(sql`do $$ begin set transaction read only; create table written (); end $$`)
    await expect(write).rejects.toSatisfy(isDatabaseUnavailable)
  })

  test.each<[string, (silentPort: number) => { db: OpenDatabase['db']; run?: typeof onConnection }]>([
    ['Postgres', (port) => connectPostgres(atPort(port), { timeoutMs: 300 })],
    [
      'Neon over HTTP',
      (port) => connectNeon(atPort(1), { endpoint: `http://127.0.0.1:${port}/sql`, timeoutMs: 300 }),
    ],
    ['Hyperdrive', () => ({ ...connectHyperdrive({ timeoutMs: 300 }), run: onConnection })],
  ])('a statement over %s ends with its limit when the server is silent', async (_, open) => {
    const port = await serve(() => {})
    const { db, run = (_url, work) => work() } = open(port)
    const statement = run(atPort(port), async () => {
      await db.execute(sql`select 1`)
    })
    await expect(statement).rejects.toSatisfy(isDatabaseUnavailable)
  })

  test('Neon answers headers and then nothing', async () => {
    const server = createHttpServer((_request, response) => void response.writeHead(200).write('{'))
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    cleanUps.push(() => {
      server.closeAllConnections()
      server.close()
    })
    const { port } = server.address() as AddressInfo
    const { db } = connectNeon(atPort(1), { endpoint: `http://127.0.0.1:${port}/sql`, timeoutMs: 300 })
    await expect(db.execute(sql`select 1`)).rejects.toSatisfy(isDatabaseUnavailable)
  })

  test('the server itself cancels a statement that takes too long', async () => {
    const { close, db } = connectPostgres(url(), { timeoutMs: 1_500 })
    cleanUps.push(close)
    let error: unknown
    const tooLong = async () => {
      await db.execute(sql`select pg_sleep(60)`).catch((reason: unknown) => (error = reason))
      return error
    }
    // On a busy computer the limit of the client may pass first.
    await expect.poll(tooLong).toMatchObject({ cause: { code: '57014' } })
    expect(isDatabaseUnavailable(error)).toBe(true)
    // The pool works on.
    await db.execute(sql`select 1`)
  })
})

test('a pooler that refuses statement_timeout is used without it', async () => {
  const upstream = new URL(url())
  const port = await serve((socket) => {
    socket.once('data', (packet) => {
      if (packet.includes('statement_timeout')) {
        return socket.end(fatal('08P01', 'unsupported startup parameter: statement_timeout'))
      }
      const server = connect(Number(upstream.port), upstream.hostname)
      server.on('error', () => socket.destroy())
      socket.on('close', () => server.destroy())
      server.write(packet)
      socket.pipe(server).pipe(socket)
    })
  })
  const { close, db } = connectPostgres(changed(url(), { port: String(port) }), { max: 4 })
  cleanUps.push(close)
  await Promise.all(Array.from({ length: 12 }, () => db.execute(sql`select 1`)))
})
