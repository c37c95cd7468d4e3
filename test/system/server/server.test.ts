// The start of the server as a process: what it prints, and when it refuses. Each start has its own data directory and ports.
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeDirectory } from '../../../functions/node/make-directory.ts'
import { expectConsole } from '../../support/console-assets.ts'
import { createPostgresDatabase } from '../../support/database.ts'
import { freePorts } from '../../support/ports.ts'
import type { Json } from '../../support/harness.ts'
import {
  createServerFixture,
  createUsedServerFixture,
  printedByFirstStart,
  type Server,
  startAndExpectExit,
  startServer,
} from '../../support/server.ts'
import { START } from '../../support/server-program.ts'
import { serversOfTests } from '../../support/servers-of-tests.ts'

const tests = serversOfTests(createServerFixture)

/** What Linux reports of a process: `VmHWM` is the most memory that it has had, `RssAnon` what it shares with no other. */
function megabytes(pid: number, name: 'VmHWM' | 'RssAnon'): number {
  const [, kilobytes] =
    new RegExp(`${name}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) / 1024
}

describe('npm start with the data of an earlier start', () => {
  let used: Awaited<ReturnType<typeof createUsedServerFixture>>
  let server: Server
  beforeAll(async () => {
    used = await createUsedServerFixture()
    server = await startServer(used.settings, START)
  })
  afterAll(async () => {
    await server.end('SIGKILL')
    used.remove()
  })

  test('the banner shows the address, the parts in use and a first command, as /healthz does, and leads to the console', async () => {
    const { url, printed, call } = server
    expect(url).toBe(`http://127.0.0.1:${used.settings.PORT}`)
    expect(printed.stdout).toContain(`${url}/docs`)
    expect(printed.stdout).toContain(used.settings.DATA_DIR)
    expect(printed.stdout).toContain(`the embedded emulator at ${used.emulatorUrl}`)
    expect(printed.stdout).toContain('CONTAINER_BACKEND, FLY_API_TOKEN, FLY_WORKSPACE_APP')
    expect(printed.stdout).toContain('open to programs on this computer')
    expect(printed.stdout).toContain(`curl -s -X POST ${url}/workspaces`)
    expect(printed.stdout).not.toContain('Creating')
    expect(printed.stderr).toBe('')

    const { status, body } = await call('/healthz')
    expect(status).toBe(200)
    expect(body).toEqual({
      status: 'ok',
      version: expect.stringMatching(/^\d+\.\d+\.\d+$/) as string,
      provisioner: 'flyio',
      app: 'molecule-workspaces',
      region: 'ord',
      emulator: true,
      database: 'pglite',
      uptime: expect.any(Number) as number,
      control_plane: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    })
    await expectConsole(url)
  })

  test.runIf(process.platform === 'linux')(
    'the server takes at most 350 MB, and each of its machines 26 MB beside code that all share',
    async () => {
      const { body } = await server.call('/workspaces', {
        method: 'POST',
        headers: { prefer: 'wait=30' },
        json: { name: 'small', runtime: 'hermes' },
      })
      expect(body).toMatchObject({ status: 'ready' })
      expect(megabytes(server.pid, 'VmHWM')).toBeLessThan(350)
      const machines = server.guests().map((pid) => megabytes(pid, 'RssAnon'))
      expect(machines).toHaveLength(1)
      expect(machines[0]).toBeLessThan(26)
    },
  )

  test('a refused start says which process holds the data directory', async () => {
    const [port = 0, emulatorPort = 0] = await freePorts(3)
    const { code, stderr } = await startAndExpectExit({
      ...used.settings,
      PORT: String(port),
      EMULATOR_PORT: String(emulatorPort),
    })
    expect(code).toBe(2)
    expect(stderr).toMatch(/is open in process \d+: stop it, or set DATA_DIR to another directory/)
    expect((await server.call('/healthz')).status).toBe(200)
  })
})

describe('starting', () => {
  test('a first start says that it creates the database, which takes seconds, before it does', async () => {
    const { stdout, stderr } = await printedByFirstStart()
    expect(stdout).toMatch(/^Creating the embedded database in /)
    expect(stderr).toBe('')
  })

  test('the banner shows PUBLIC_URL, and no address that nothing can be reached at', async () => {
    const url = 'http://workspaces.example'
    const { printed } = await tests.start({
      DATABASE_URL: await createPostgresDatabase(),
      SECRETS_ENCRYPTION_KEY: 'ab'.repeat(32),
      HOST: '0.0.0.0',
      ADMIN_TOKEN: 'a-token-of-the-operator',
      PUBLIC_URL: url,
    })
    expect(printed.stdout).toContain(`${url}/docs`)
    expect(printed.stdout).toContain(`curl -s -X POST ${url}/workspaces`)
    expect(printed.stdout).not.toContain('0.0.0.0')
  })

  test('a start with real Fly and a Postgres calls neither and starts no emulator', async () => {
    const server = await tests.start({
      CONTAINER_BACKEND: 'flyio',
      FLY_API_TOKEN: 'a-secret-token',
      FLY_WORKSPACE_APP: 'my-workspaces',
      FLY_REGION: 'fra',
      // Nothing listens there, so every connection fails.
      FLY_FLAPS_BASE_URL: 'http://127.0.0.1:1',
      DATABASE_URL: 'postgres://user:a-secret-password@127.0.0.1:1/nothing',
    })
    expect(server.printed.stdout).toContain('app my-workspaces, region fra')
    expect(server.printed.stdout).toContain('set PUBLIC_URL')
    expect(server.printed.stdout).toContain('CLOSED: set ADMIN_TOKEN')
    expect(server.printed.stdout).toContain('ANONYMOUS_LOOPBACK=true')
    expect(await server.call('/workspaces', { method: 'POST', json: {} })).toMatchObject({
      status: 503,
      body: {
        code: 'misconfigured',
        detail: expect.stringContaining('ANONYMOUS_LOOPBACK=true') as string,
      },
    })
    expect((await server.call('/workspaces')).status).toBe(503)
    expect(server.printed.stdout).not.toMatch(/emulator|a-secret/)
    expect(server.printed.stderr).not.toContain('a-secret')
    expect(existsSync(tests.files.settings.DATA_DIR)).toBe(false)
    await expect(fetch(tests.files.emulatorUrl)).rejects.toThrow()
  })

  test('a server whose Postgres is down stays alive and answers 503 with Retry-After', async () => {
    const server = await tests.start({ DATABASE_URL: 'postgres://user@127.0.0.1:1/nothing' })
    expect(await server.call('/livez')).toMatchObject({ status: 200, body: { status: 'ok' } })
    for (const path of ['/healthz', '/health', '/workspaces', `/workspaces/${crypto.randomUUID()}`]) {
      const { status, headers, body } = await server.call(path)
      expect(status, path).toBe(503)
      expect(headers.get('content-type'), path).toBe('application/problem+json')
      expect(Number(headers.get('retry-after')), path).toBeGreaterThan(0)
      expect(body, path).toMatchObject({ code: 'unavailable' })
    }
    expect((await server.call('/livez')).status).toBe(200)
  })
})

describe('refusing to start', () => {
  test('a refused start names every wrong setting at once, shows no value of a secret, and writes no file', async () => {
    const { code, stdout, stderr } = await startAndExpectExit({
      ...tests.files.settings,
      CONTAINER_BACKEND: 'flyio',
      FLY_API_TOKEN: '<your-fly-deploy-token>',
      ADMIN_TOKEN: 'a-secret',
      FLY_REGION: 'the-moon',
      PORT: 'eighty',
    })
    expect(code).toBe(2)
    expect(stderr).toContain('FLY_API_TOKEN is still a placeholder')
    expect(stderr).toContain('FLY_WORKSPACE_APP is missing')
    expect(stderr).toContain('FLY_REGION must be a Fly region code')
    expect(stderr).toMatch(/PORT .*number/)
    expect(stderr).not.toMatch(/a-secret|at .*\.[jt]s/)
    expect(stdout).toBe('')
    expect(existsSync(tests.files.settings.DATA_DIR)).toBe(false)
  })

  test.each(['PORT', 'EMULATOR_PORT'] as const)(
    'a refused start names the port if %s is in use',
    async (setting) => {
      const port = tests.files.settings[setting]
      const other = createServer()
      await new Promise<void>((resolve) => other.listen(Number(port), '127.0.0.1', resolve))
      try {
        const { code, stderr } = await startAndExpectExit(tests.files.settings)
        expect(code).toBe(2)
        expect(stderr.trim()).toBe(
          `port ${port} on 127.0.0.1 is in use by another program: stop it, or set ${setting} to a free port`,
        )
        expect(existsSync(tests.files.settings.DATA_DIR)).toBe(false)
      } finally {
        other.close()
      }
    },
  )

  test('a DATA_DIR that cannot be used ends the start with one line', async () => {
    const { code, stderr } = await startAndExpectExit({ ...tests.files.settings, DATA_DIR: '/dev/null/data' })
    expect(code).toBe(2)
    expect(stderr).toMatch(/^DATA_DIR cannot be used: ENOTDIR.*\/dev\/null.*\n$/)
    expect(() => makeDirectory('/proc/none/data')).toThrow(/^ENOENT.*\/proc\/none/)
  })
})

describe('a server with ADMIN_TOKEN', () => {
  const ADMIN_TOKEN = 'a-token-of-the-operator'
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}` }
  let ports: Awaited<ReturnType<typeof createServerFixture>>
  let server: Server
  beforeAll(async () => {
    ports = await createServerFixture()
    server = await startServer({
      ...ports.settings,
      DATABASE_URL: await createPostgresDatabase(),
      SECRETS_ENCRYPTION_KEY: 'ab'.repeat(32),
      ADMIN_TOKEN,
      TRUSTED_PROXY: '127.0.0.0/8, 10.0.0.0/8 fd00::/8',
      TRUSTED_PROXY_HEADER: 'X-Client-Chain',
    })
  })
  afterAll(async () => {
    await server.end('SIGKILL')
    ports.remove()
  })

  test('the address of a client is what proxies in the trusted networks report', async () => {
    const addressFor = async (chain: string | undefined) => {
      const json = { name: 'seen', scopes: ['read'] }
      const { headers: answered } = await server.call('/tokens', {
        method: 'POST',
        headers: { ...headers, ...(chain === undefined ? {} : { 'x-client-chain': chain }) },
        json,
      })
      const requestId = answered.get('x-request-id')
      for (;;) {
        const { body } = await server.call('/audit', { headers })
        const entry = (body['audit'] as Json[]).find((one) => one['request_id'] === requestId)
        if (entry !== undefined) return entry['address']
      }
    }
    expect(await addressFor(undefined)).toBe('127.0.0.1')
    expect(await addressFor('203.0.113.9')).toBe('203.0.113.9')
    // What the client wrote itself is to the left of what the proxies appended.
    expect(await addressFor('198.51.100.1, 203.0.113.9, 10.1.2.3')).toBe('203.0.113.9')
    expect(await addressFor('203.0.113.9:4711, [fd00::2]:80')).toBe('203.0.113.9')
    expect(await addressFor('not an address, 10.1.2.3')).toBe('10.1.2.3')
  })

  test('the banner asks for ADMIN_TOKEN and never shows it', async () => {
    expect((await server.call('/workspaces')).status).toBe(401)
    expect((await server.call('/workspaces', { headers })).status).toBe(200)
    expect(server.printed.stdout).toContain('$ADMIN_TOKEN')
    expect(server.printed.stdout).not.toContain(ADMIN_TOKEN)
  })
})
