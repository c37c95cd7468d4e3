// `npm run doctor` as somebody would run it: what it prints, and how it ends, against an emulated Fly, a registry and a Postgres
// that are well or not.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { listen } from '../../functions/node/http-server.ts'
import { isPrivateAddress } from '../../commands/doctor/check-public-url.ts'
import { runDoctor } from '../../commands/doctor/run.ts'
import { parseImage } from '../../commands/doctor/image-manifest.ts'
import { createPostgresDatabase } from '../support/database.ts'
import { startLoopbackFly } from '../support/loopback-fly.ts'
import { createServerFixture, spawnNode, startServer } from '../support/server.ts'

type Check = { check: string; state: string; detail: string; fix: string[] }

let fly: Awaited<ReturnType<typeof startLoopbackFly>>
let registry: Awaited<ReturnType<typeof startRegistry>>
let databaseUrl: string
beforeAll(async () => {
  fly = await startLoopbackFly()
  // A person asks once; these tests, all at a time.
  fly.emulator.faults.add({ kind: 'rate-limits', on: false })
  registry = await startRegistry()
  databaseUrl = await createPostgresDatabase()
})
afterAll(() => Promise.all([fly.close(), registry.close()]))

const ADMIN_TOKEN = randomBytes(32).toString('base64url')
const SECRETS_ENCRYPTION_KEY = randomBytes(32).toString('base64')

/** Everything as it should be, but for what only the internet has: a PUBLIC_URL. */
function settings(more: Record<string, string> = {}): Record<string, string> {
  const { FLY_PROXY_BASE_URL: _, ...own } = fly.settings
  return {
    ...own,
    ADMIN_TOKEN,
    SECRETS_ENCRYPTION_KEY,
    DATABASE_URL: databaseUrl,
    IMAGE_REGISTRY: registry.name,
    PORT: '0',
    ...more,
  }
}

/** As a process of its own. */
async function spawnDoctor(env: Record<string, string>, ...args: string[]) {
  const { exited, printed } = spawnNode('commands/doctor.ts', env, args)
  return { code: (await exited).code, ...printed }
}

/** The same in this one, which is quicker. */
async function doctor(env: Record<string, string>, ...args: string[]) {
  const printed = { stdout: '', stderr: '' }
  const code = await runDoctor({
    args,
    env,
    out: (text) => (printed.stdout += text),
    err: (text) => (printed.stderr += text),
    colours: false,
    ask: undefined,
  })
  return { code, ...printed }
}

async function examine(env: Record<string, string>, ...args: string[]) {
  const { code, stderr, stdout } = await doctor(env, '--json', '--timeout', '60', ...args)
  expect(stderr).toBe('')
  const report = JSON.parse(stdout) as { ok: boolean; checks: Check[] }
  expect(code).toBe(report.ok ? 0 : 1)
  return (name: string): Check => {
    const found = report.checks.find(({ check }) => check === name)
    if (found === undefined) throw new Error(`no check ${name}`)
    return found
  }
}

/** A registry that gives a token to anybody, and has two of the runtimes' images. */
async function startRegistry() {
  let origin = ''
  const listener = await listen(
    (request) => {
      const { pathname, searchParams } = new URL(request.url)
      if (pathname === '/token') return Response.json({ token: `for ${searchParams.get('scope')}` })
      const [, repository = ''] = /^\/v2\/(.+)\/manifests\/latest$/.exec(pathname) ?? []
      const scope = `repository:${repository}:pull`
      if (request.headers.get('authorization') !== `Bearer for ${scope}`) {
        const challenge = `Bearer realm="${origin}/token",service="registry",scope="${scope}"`
        return new Response(null, { status: 401, headers: { 'www-authenticate': challenge } })
      }
      return new Response(null, { status: /-(hermes|codex)$/.test(repository) ? 200 : 404 })
    },
    { host: '127.0.0.1', port: 0, setting: 'a test' },
  )
  origin = `http://127.0.0.1:${listener.port}`
  return { name: `127.0.0.1:${listener.port}/team`, close: () => listener.close(0) }
}

/** A secret that was sealed with a key nobody here has. */
async function storeStrangeSecret(url: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query(
    "insert into secrets (id, key, key_id, sealed, created_at, updated_at) values (gen_random_uuid(), 'A', 'deadbeef', 'x', now(), now())",
  )
  await client.end()
}

describe.concurrent('doctor', () => {
  test('doctor without settings says what would be used and finds nothing wrong', async () => {
    const { code, stdout } = await spawnDoctor({ PORT: '0', EMULATOR_PORT: '0', DATA_DIR: '/tmp/never-made' })
    expect(code).toBe(0)
    expect(stdout).toContain('the embedded emulator as Fly, an embedded Postgres')
    expect(stdout).toContain('would be made in /tmp/never-made')
    expect(stdout).toContain('Nothing is wrong.')
    expect(stdout).not.toContain('\u001b')
  })

  test('doctor finds a healthy set-up and says how far the token reaches', async () => {
    const of = await examine(settings())
    expect(of('configuration').state).toBe('ok')
    expect(of('fly token')).toMatchObject({
      state: 'warning',
      fix: [expect.stringContaining('tokens create deploy')],
    })
    expect(of('fly app')).toMatchObject({
      state: 'ok',
      detail: expect.stringContaining('network default') as string,
    })
    expect(of('addresses')).toMatchObject({ state: 'ok', detail: 'test-app: shared v4 and v6' })
    expect(of('database').detail).toMatch(/^Postgres \d+.*migrations are current$/)
    expect(of('clock')).toMatchObject({
      state: 'ok',
      detail: 'the database has the same time, Fly has the same time',
    })
    expect(of('admin token').state).toBe('ok')
    expect(of('secrets key').state).toBe('ok')
    expect(of('public url')).toMatchObject({ state: 'warning', fix: [expect.stringContaining('PUBLIC_URL')] })
  })

  test('doctor checks configured images and ignores the others', async () => {
    const well = (await examine(settings()))('images')
    expect(well).toMatchObject({ state: 'warning' })
    expect(well.detail).toMatch(/^hermes, codex: can be pulled; langgraph.*: not there$/)
    const named = (await examine(settings({ RUNTIME_IMAGES: `langgraph=${registry.name}/mine:1` })))('images')
    expect(named).toMatchObject({
      state: 'wrong',
      fix: expect.arrayContaining([expect.stringContaining('RUNTIME_IMAGES')]) as string[],
    })
    const silent = (await examine(settings({ IMAGE_REGISTRY: '127.0.0.1:1' })))('images')
    expect(silent).toMatchObject({
      state: 'warning',
      detail: expect.stringContaining('does not answer') as string,
    })
  })

  test('doctor names every wrong setting at once and stops there', async () => {
    const of = await examine({ CONTAINER_BACKEND: 'flyio', PORT: 'eighty', ADMIN_TOKEN: 'changeme' })
    const { fix } = of('configuration')
    for (const name of ['FLY_API_TOKEN', 'FLY_WORKSPACE_APP', 'PORT', 'ADMIN_TOKEN'])
      expect(fix.some((problem) => problem.startsWith(`${name} `))).toBe(true)
    expect(of('database').state).toBe('skipped')
  })

  test('doctor reports a refused token and how to create another', async () => {
    const of = await examine(settings({ FLY_API_TOKEN: 'revoked-long-ago' }))
    expect(of('fly token')).toMatchObject({
      state: 'wrong',
      fix: ['export FLY_API_TOKEN=$(env -u FLY_API_TOKEN fly tokens create deploy -a test-app)'],
    })
    expect(of('fly app')).toMatchObject({ state: 'skipped', detail: 'Fly refuses the token' })
    expect(of('addresses').state).toBe('skipped')
  })

  test('doctor reports a missing app and how to create it', async () => {
    const of = await examine(settings({ FLY_WORKSPACE_APP: 'nobodys-app' }))
    expect(of('fly app')).toMatchObject({
      state: 'wrong',
      fix: expect.arrayContaining(['fly apps create nobodys-app']) as string[],
    })
  })

  test('doctor reports a Fly API that does not answer', async () => {
    const of = await examine(settings({ FLY_FLAPS_BASE_URL: 'http://127.0.0.1:1' }))
    expect(of('fly token').state).toBe('wrong')
    expect(of('fly app').fix.join()).toContain('FLY_FLAPS_BASE_URL leads to http://127.0.0.1:1')
  })

  test('doctor reports missing addresses and allocates them with --fix', async () => {
    fly.emulator.createApp('bare-app')
    const bare = settings({ FLY_WORKSPACE_APP: 'bare-app' })
    const before = (await examine(bare))('addresses')
    expect(before).toMatchObject({ state: 'wrong' })
    expect(before.fix).toEqual([
      'npm run doctor -- --fix',
      '  or: fly ips allocate-v4 --shared -a bare-app',
      '  or: fly ips allocate-v6 -a bare-app',
    ])
    expect((await examine(bare, '--fix'))('addresses').state).toBe('ok')
    expect((await examine(bare))('addresses').detail).toBe('bare-app: shared v4 and v6')
  })

  test('doctor asks before it allocates addresses on a terminal', async () => {
    fly.emulator.createApp('asked-app')
    const asked: string[] = []
    const answer = async (agrees: boolean) => {
      let printed = ''
      const code = await runDoctor({
        args: [],
        env: settings({ FLY_WORKSPACE_APP: 'asked-app' }),
        out: (text) => (printed += text),
        err: () => {},
        colours: true,
        ask: (question) => Promise.resolve(asked.push(question) > 0 && agrees),
      })
      return { code, printed }
    }
    expect(await answer(false)).toMatchObject({
      code: 1,
      printed: expect.stringContaining('\u001b[31m') as string,
    })
    const { code, printed } = await answer(true)
    expect(code).toBe(0)
    expect(printed).toMatch(/addresses.*wrong[^]*addresses.*ok.*asked-app: shared v4 and v6/)
    expect(asked[0]).toContain('shared_v4 for asked-app, v6 for asked-app')
  })

  test('doctor requires a private address in the right network for .flycast', async () => {
    fly.emulator.createApp('inner-app', { network: 'agents' })
    const inner = settings({
      FLY_WORKSPACE_APP: 'inner-app',
      FLY_ENDPOINT: 'internal',
      PLATFORM_URL: 'http://control-plane.flycast',
    })
    expect((await examine(inner))('addresses')).toMatchObject({
      state: 'wrong',
      fix: expect.arrayContaining([expect.stringContaining('--private')]) as string[],
    })
    expect((await examine(inner))('public url').detail).toContain("on Fly's private network")
    expect((await examine(inner, '--fix'))('addresses')).toMatchObject({
      state: 'ok',
      detail: 'inner-app: private v6',
    })

    fly.emulator.createApp('apart-app', { network: 'agents' })
    const apart = { ...inner, FLY_WORKSPACE_APP: 'apart-app' }
    await fetch(`${fly.settings.FLY_FLAPS_BASE_URL}/v1/apps/apart-app/ip_assignments`, {
      method: 'POST',
      headers: { authorization: 'Bearer test-token', 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'private_v6', network: 'agents' }),
    })
    expect((await examine(apart))('addresses')).toMatchObject({
      state: 'warning',
      detail: expect.stringContaining('in the network agents alone') as string,
      fix: ['fly ips allocate-v6 --private -a apart-app'],
    })
  })

  test('doctor prints the command if the token may not allocate addresses', async () => {
    fly.emulator.createApp('locked-app')
    fly.emulator.faults.add({ kind: 'answer', action: 'ip.create', app: 'locked-app', status: 403 })
    expect(
      (await examine(settings({ FLY_WORKSPACE_APP: 'locked-app' }), '--fix'))('addresses'),
    ).toMatchObject({
      state: 'wrong',
      fix: ['fly ips allocate-v4 --shared -a locked-app', 'fly ips allocate-v6 -a locked-app'],
    })
  })

  test('doctor reports a database that is down, one without tables, and a wrong encryption key', async () => {
    const down = await examine(settings({ DATABASE_URL: 'postgres://me:a-secret-password@127.0.0.1:1/mine' }))
    expect(down('database')).toMatchObject({
      state: 'wrong',
      detail: expect.stringContaining('mine at 127.0.0.1:1') as string,
    })
    const empty = await examine(settings({ DATABASE_URL: inject('postgresUrl') }))
    expect(empty('database')).toMatchObject({ state: 'wrong', fix: ['npm run db:migrate'] })
    const sealed = await createPostgresDatabase()
    await storeStrangeSecret(sealed)
    expect((await examine(settings({ DATABASE_URL: sealed })))('secrets key')).toMatchObject({
      state: 'wrong',
      fix: [expect.stringContaining('SECRETS_PREVIOUS_KEYS'), expect.stringContaining('--delete-unreadable')],
    })
    const flat = await examine(settings({ SECRETS_ENCRYPTION_KEY: '00'.repeat(32) }))
    expect(flat('secrets key')).toMatchObject({ state: 'wrong' })
  })

  test('doctor reports a wrong clock', async () => {
    const late = await listen(
      async (request) => {
        const answer = await fly.emulator.api.fetch(request)
        const date = new Date(Date.now() - 600_000).toUTCString()
        return new Response(answer.body, {
          status: answer.status,
          headers: { ...Object.fromEntries(answer.headers), date },
        })
      },
      { host: '127.0.0.1', port: 0, setting: 'a test' },
    )
    const of = await examine(settings({ FLY_FLAPS_BASE_URL: `http://127.0.0.1:${late.port}` }))
    await late.close(0)
    expect(of('clock')).toMatchObject({
      state: 'wrong',
      detail: expect.stringMatching(/Fly is (599|600) s behind/) as string,
    })
  })

  test.each([
    ['http://127.0.0.1:8080', /has no way|no way to/],
    ['https://10.1.2.3', /10\.1\.2\.3/],
    ['https://workspaces.example.com', /placeholder/],
    ['https://my-mac.local', /another computer/],
    ['http://203.0.114.9', /not https/],
  ])('knows that no machine should call home at %s', async (url, why) => {
    expect((await examine(settings({ PUBLIC_URL: url })))('public url')).toMatchObject({
      state: 'wrong',
      detail: expect.stringMatching(why) as string,
    })
  })

  test('doctor prints no secret, whatever is wrong', async () => {
    const secrets = {
      FLY_API_TOKEN: 'FlyV1 fm2_canary-of-fly,fm2_second-canary',
      ADMIN_TOKEN: 'canary-of-the-admin',
      SECRETS_ENCRYPTION_KEY,
      DATABASE_URL: 'postgres://me:canary-of-postgres@127.0.0.1:1/mine',
    }
    const directory = mkdtempSync(join(tmpdir(), 'doctor-'))
    const file = join(directory, '.env')
    writeFileSync(
      file,
      Object.entries(settings(secrets))
        .map(([name, value]) => `${name}=${value}\n`)
        .join(''),
    )
    const runs = [
      spawnDoctor(settings(secrets)),
      doctor(settings(secrets), '--json'),
      doctor({}, '--env-file', file),
    ]
    for (const { code, stderr, stdout } of await Promise.all(runs)) {
      expect(code).toBe(1)
      expect(stdout).toContain(
        'export FLY_API_TOKEN=$(env -u FLY_API_TOKEN fly tokens create deploy -a test-app)',
      )
      expect(stdout + stderr).not.toContain('canary')
      expect(stdout + stderr).not.toContain(SECRETS_ENCRYPTION_KEY)
    }
    rmSync(directory, { recursive: true })
  })

  test('doctor prints its usage and refuses unknown options', async () => {
    expect(await doctor({}, '--help')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('--fix') as string,
    })
    expect(await doctor({}, '--cure')).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('--cure') as string,
    })
    expect((await doctor({}, '--timeout', 'soon')).code).toBe(2)
    expect((await doctor({}, '--env-file', '/nowhere/.env')).code).toBe(2)
  })
})

test('doctor beside a running server checks it, its emulator and PUBLIC_URL', async () => {
  const place = await createServerFixture()
  const own = { ...place.settings, DATABASE_URL: databaseUrl, SECRETS_ENCRYPTION_KEY }
  const server = await startServer(own)
  try {
    const of = await examine({ ...own, PUBLIC_URL: server.url })
    expect(of('server')).toMatchObject({ state: 'ok', detail: expect.stringContaining('is ready') as string })
    expect(of('addresses').detail).toBe('molecule-workspaces: shared v4 and v6')
    expect(of('public url').detail).toBe(`${server.url} answers, and is this control plane`)
    const other = await examine({
      ...own,
      DATABASE_URL: await createPostgresDatabase(),
      PUBLIC_URL: server.url,
    })
    expect(other('public url')).toMatchObject({
      state: 'wrong',
      detail: expect.stringContaining('another control plane') as string,
    })
  } finally {
    await server.end('SIGKILL')
    place.remove()
  }
})

test('addresses of private networks are recognised in both families', () => {
  for (const inside of ['127.0.0.1', '192.168.1.1', '172.31.0.1', '100.100.1.1', '::1', 'fd00::1', 'fe80::1'])
    expect(isPrivateAddress(inside)).toBe(true)
  for (const outside of ['8.8.8.8', '172.32.0.1', '2a09:8280:1::1'])
    expect(isPrivateAddress(outside)).toBe(false)
})

test('image references are parsed as Docker parses them', () => {
  expect(parseImage('ghcr.io/molecule-ai/workspace-hermes:latest')).toEqual({
    origin: 'https://ghcr.io',
    repository: 'molecule-ai/workspace-hermes',
    reference: 'latest',
  })
  expect(parseImage('nginx')).toEqual({
    origin: 'https://registry-1.docker.io',
    repository: 'library/nginx',
    reference: 'latest',
  })
  expect(parseImage('me/agent:2@sha256:abc')).toEqual({
    origin: 'https://registry-1.docker.io',
    repository: 'me/agent',
    reference: 'sha256:abc',
  })
  expect(parseImage('localhost:5000/a:b').origin).toBe('http://localhost:5000')
})
