// `npm run doctor`: what it prints and its exit code, with correct and wrong settings.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { listen } from '../../../functions/node/http-server.ts'
import { createPostgresDatabase } from '../../support/database.ts'
import { createServerFixture, startServer } from '../../support/server.ts'
import {
  createDoctorFixture,
  doctor,
  type DoctorFixture,
  examine,
  SECRETS_ENCRYPTION_KEY,
  spawnDoctor,
} from './doctor-fixture.ts'

let fixture: DoctorFixture
beforeAll(async () => {
  fixture = await createDoctorFixture()
})
afterAll(() => fixture.close())

const settings = (more?: Record<string, string>) => fixture.settings(more)

/** Stores a secret that was sealed with another key. */
async function storeUnreadableSecret(url: string): Promise<void> {
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
    expect(stdout).toContain('would be created in /tmp/never-made')
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
    expect(of('delivery')).toMatchObject({
      state: 'skipped',
      detail: expect.stringContaining('the first workspace that becomes ready') as string,
      fix: [
        expect.stringContaining('fly logs -a test-app'),
        expect.stringContaining('docker inspect'),
        expect.stringContaining('RUNTIME_EXEC'),
      ],
    })
    expect(of('public url')).toMatchObject({ state: 'warning', fix: [expect.stringContaining('PUBLIC_URL')] })
  })

  test('doctor checks configured images and ignores the others', async () => {
    const well = (await examine(settings()))('images')
    expect(well).toMatchObject({ state: 'warning' })
    expect(well.detail).toMatch(/^hermes, codex: can be pulled; langgraph.*: not there$/)
    const named = (await examine(settings({ RUNTIME_IMAGES: `langgraph=${fixture.registry.name}/mine:1` })))(
      'images',
    )
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

  test('doctor reports a database that is down, one without tables, and a wrong encryption key', async () => {
    const down = await examine(settings({ DATABASE_URL: 'postgres://me:a-secret-password@127.0.0.1:1/mine' }))
    expect(down('database')).toMatchObject({
      state: 'wrong',
      detail: expect.stringContaining('mine at 127.0.0.1:1') as string,
    })
    const empty = await examine(settings({ DATABASE_URL: inject('postgresUrl') }))
    expect(empty('database')).toMatchObject({ state: 'wrong', fix: ['npm run db:migrate'] })
    const sealed = await createPostgresDatabase()
    await storeUnreadableSecret(sealed)
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
        const answer = await fixture.fly.emulator.api.fetch(request)
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
  const files = await createServerFixture()
  const env = { ...files.settings, DATABASE_URL: fixture.databaseUrl, SECRETS_ENCRYPTION_KEY }
  const server = await startServer(env)
  try {
    const of = await examine({ ...env, PUBLIC_URL: server.url })
    expect(of('server')).toMatchObject({ state: 'ok', detail: expect.stringContaining('is ready') as string })
    expect(of('addresses').detail).toBe('molecule-workspaces: shared v4 and v6')
    expect(of('public url').detail).toBe(`${server.url} answers, and is this control plane`)
    const other = await examine({
      ...env,
      DATABASE_URL: await createPostgresDatabase(),
      PUBLIC_URL: server.url,
    })
    expect(other('public url')).toMatchObject({
      state: 'wrong',
      detail: expect.stringContaining('another control plane') as string,
    })
  } finally {
    await server.end('SIGKILL')
    files.remove()
  }
})
