// Two servers on one Postgres: the second one may share the emulated Fly of the first, and is refused with an emulator of its own.
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { createPostgresDatabase } from '../../support/database.ts'
import {
  createServerFixture,
  machinesAtFly,
  type Server,
  type Settings,
  startAndExpectExit,
  startServer,
} from '../../support/server.ts'

const TOKEN = 'a-token-of-the-operator'
const headers = { authorization: `Bearer ${TOKEN}` }

type Fixture = Awaited<ReturnType<typeof createServerFixture>>

let shared: Settings
let [first, second]: Fixture[] = []
beforeAll(async () => {
  shared = {
    DATABASE_URL: await createPostgresDatabase(),
    SECRETS_ENCRYPTION_KEY: 'ab'.repeat(32),
    ADMIN_TOKEN: TOKEN,
  }
  first = await createServerFixture()
  second = await createServerFixture()
})
afterAll(() => {
  first?.remove()
  second?.remove()
})

async function start(fixture: Fixture | undefined, more: Settings = {}): Promise<Server> {
  const server = await startServer({ ...fixture?.settings, ...shared, ...more })
  onTestFinished(async () => void (await server.end('SIGKILL')))
  return server
}

test('a second server is refused with an emulator of its own, shares that of the first, and has its own after the first has ended', async () => {
  const owner = await start(first)
  const emulatorUrl = first?.emulatorUrl ?? ''

  const refused = await startAndExpectExit({ ...second?.settings, ...shared })
  expect(refused.code).toBe(2)
  const said = refused.stderr.trim().split('\n').at(-1)
  expect(said).toContain(`in use with the emulated Fly of another server, at ${emulatorUrl}`)
  expect(said).toContain('share its emulator (docs/deploy.md')

  const port = Number(new URL(emulatorUrl).port)
  const sharing = await start(second, {
    CONTAINER_BACKEND: 'flyio',
    FLY_API_TOKEN: 'emulator',
    FLY_WORKSPACE_APP: 'molecule-workspaces',
    FLY_FLAPS_BASE_URL: emulatorUrl,
    FLY_API_BASE_URL: emulatorUrl,
    FLY_PROXY_BASE_URL: `http://127.0.0.1:${port + 1}`,
  })
  const { body } = await sharing.call<{ id: string; status: string }>('/workspaces', {
    method: 'POST',
    headers: { ...headers, prefer: 'wait=60' },
    json: { name: 'shared', runtime: 'hermes' },
  })
  expect(body.status).toBe('ready')
  expect((await owner.call(`/workspaces/${body.id}`, { headers })).body).toMatchObject({ status: 'ready' })
  expect(await machinesAtFly(emulatorUrl, body.id)).toHaveLength(1)
  await sharing.end('SIGTERM')
  await owner.end('SIGKILL')

  // The same files are the same emulator.
  const again = await start(first)
  expect(again.printed.stderr).not.toContain('another emulator')
  await again.end('SIGTERM')
  const own = await start(second)
  expect(own.printed.stderr).not.toContain('another emulator')
})
