// A server process that ends and starts again: it leaves nothing behind, and loses nothing, however it ended. Each test has
// its own copy of a data directory and its own ports.
import { randomUUID } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { askRegion, type Json } from '../support/harness.ts'
import { stillLiving } from '../support/processes.ts'
import { readEventStream } from '../support/event-stream.ts'
import {
  createUsedServerFixture,
  machinesAtFly,
  type Server,
  spawnNode,
  startAndExpectExit,
  startServer,
} from '../support/server.ts'

type Workspace = Json & { id: string }

let files: Awaited<ReturnType<typeof createUsedServerFixture>>
let running: Server[]
beforeEach(async () => {
  files = await createUsedServerFixture()
  running = []
})
afterEach(async () => {
  await Promise.all(running.map((server) => server.end('SIGKILL')))
  files.remove()
})

async function start(settings: Record<string, string> = {}): Promise<Server> {
  const server = await startServer({ ...files.settings, ...settings })
  running.push(server)
  return server
}

async function createReady(server: Server, name: string): Promise<Workspace> {
  const { body } = await server.call<Workspace>('/workspaces', {
    method: 'POST',
    headers: { prefer: 'wait=30' },
    json: { name, runtime: 'hermes', tier: 2 },
  })
  expect(body).toMatchObject({ status: 'ready' })
  return body
}

async function region(server: Server, id: string): Promise<unknown> {
  const { body } = await server.call<{ result?: { parts: { text: string }[] } }>(`/workspaces/${id}/a2a`, {
    method: 'POST',
    json: askRegion(),
  })
  return body.result?.parts[0]?.text ?? body
}

describe('ending', () => {
  test('SIGTERM ends the server with code 0 and stops every agent', async () => {
    const server = await start()
    await createReady(server, 'one')
    await createReady(server, 'two')
    const guests = server.guests()
    expect(guests).toHaveLength(2)
    expect(await server.end('SIGTERM')).toEqual({ code: 0, signal: null })
    expect(stillLiving(guests)).toEqual([])
  })

  test('kill -9 leaves no agent running', async () => {
    const server = await start()
    await createReady(server, 'one')
    await createReady(server, 'two')
    const guests = server.guests()
    expect(guests).toHaveLength(2)
    await server.end('SIGKILL')
    await expect.poll(() => stillLiving(guests)).toEqual([])
  })
})

test('an event stream ends at SIGTERM and continues at the next server without a gap', async () => {
  const listen = async (server: Server, headers: Record<string, string> = {}) =>
    readEventStream(
      await fetch(`${server.url}/events`, { headers: { accept: 'text/event-stream', ...headers } }),
    )
  const first = await start()
  const before = await listen(first, { 'last-event-id': '0' })
  const { id } = await createReady(first, 'listened')
  await expect.poll(() => before.received.map(({ type }) => type)).toContain('agent_answered')
  expect(await first.end('SIGTERM')).toEqual({ code: 0, signal: null })
  // It ends normally: a broken connection would be an error here.
  await before.ended

  const second = await start()
  const after = await listen(second, { 'last-event-id': before.lastEventId() })
  await second.call(`/workspaces/${id}`, { method: 'PATCH', json: { name: 'renamed' } })
  await expect.poll(() => after.received.map(({ type }) => type)).toContain('workspace_updated')
  const { body } = await second.call<{ events: Json[] }>('/events?limit=1000')
  const received = [...before.received, ...after.received].map(({ data }) => data)
  expect(received).toEqual(body.events.slice(0, received.length))
  await after.close()
})

describe('starting again on the same directory', () => {
  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'after %s a second start has the same workspaces, which answer and can be restarted',
    async (signal) => {
      const first = await start()
      const { id } = await createReady(first, 'lasting')
      await first.end(signal)

      const second = await start()
      expect((await second.call<Workspace[]>('/workspaces')).body.map((one) => one.id)).toEqual([id])
      await expect.poll(() => region(second, id), { interval: 200 }).toBe('ord')
      expect(await machinesAtFly(files.emulatorUrl, id)).toHaveLength(1)

      const { status, body } = await second.call<Workspace>(`/workspaces/${id}/restart`, {
        method: 'POST',
        headers: { prefer: 'wait=30' },
      })
      expect(status).toBe(200)
      expect(body).toMatchObject({ status: 'ready', generation: 2 })
      expect(await region(second, id)).toBe('ord')
      expect(await machinesAtFly(files.emulatorUrl, id)).toHaveLength(1)
    },
  )

  test('a start with another SECRETS_ENCRYPTION_KEY is refused unless the old key is given too', async () => {
    const [old, other] = ['b', 'c'].map((letter) => Buffer.alloc(32, letter).toString('base64'))
    const first = await start({ SECRETS_ENCRYPTION_KEY: old ?? '' })
    const saved = await first.call('/settings/secrets', { method: 'PUT', json: { key: 'A', value: 'kept' } })
    expect(saved).toMatchObject({ status: 200 })
    await first.end('SIGTERM')

    const { code, stderr } = await startAndExpectExit({
      ...files.settings,
      SECRETS_ENCRYPTION_KEY: other ?? '',
    })
    expect(code).toBe(2)
    expect(stderr).toMatch(/SECRETS_ENCRYPTION_KEY does not open the stored secrets.*SECRETS_PREVIOUS_KEYS/)

    const settings = { SECRETS_ENCRYPTION_KEY: other ?? '', SECRETS_PREVIOUS_KEYS: old ?? '' }
    const rotation = spawnNode('commands/secrets-rotate.ts', { ...files.settings, ...settings })
    expect(await rotation.exited).toMatchObject({ code: 0 })
    expect(rotation.printed.stdout).toMatch(/^sealed 1 anew with key [0-9a-f]{8}; 0 cannot be read\n$/)
    const second = await start({ SECRETS_ENCRYPTION_KEY: other ?? '' })
    expect((await second.call('/settings/secrets')).body).toMatchObject([{ key: 'A' }])
  })

  test('secrets:rotate fails if there is no database', async () => {
    const rotation = spawnNode('commands/secrets-rotate.ts', { DATA_DIR: join(tmpdir(), randomUUID()) })
    expect(await rotation.exited).toMatchObject({ code: 1 })
    expect(rotation.printed.stderr).toContain('set DATABASE_URL, or DATA_DIR')
  })

  // At 0 ms the row is stored, at 400 ms the machine is being placed, pulled or booted.
  test.each([0, 400])(
    'after kill -9 %i ms into a create, the workspace comes to rest with one machine',
    async (ms) => {
      const first = await start({ EMULATOR_BOOT_MS: '1000' })
      const { body: created } = await first.call<Workspace>('/workspaces', {
        method: 'POST',
        json: { name: 'interrupted', runtime: 'hermes', tier: 2 },
      })
      expect(created['status']).toBe('provisioning')
      await delay(ms)
      await first.end('SIGKILL')

      const second = await start({ EMULATOR_BOOT_MS: '1000', SWEEP_INTERVAL_SECONDS: '1' })
      const read = async () => (await second.call<Workspace>(`/workspaces/${created.id}`)).body
      // The killed server held the lease, so the create continues when the lease has expired.
      await expect
        .poll(async () => (await read())['status'], { timeout: 90_000, interval: 250 })
        .not.toBe('provisioning')
      const atRest = await read()
      if (atRest['status'] !== 'ready') {
        expect(atRest).toMatchObject({
          status: 'failed',
          reason: {
            code: expect.any(String) as string,
            message: expect.any(String) as string,
            hint: expect.any(String) as string,
          },
        })
      } else {
        expect(await region(second, created.id)).toBe('ord')
      }
      expect(await machinesAtFly(files.emulatorUrl, created.id)).toHaveLength(
        atRest['status'] === 'ready' ? 1 : 0,
      )
    },
  )

  test('a removal that kill -9 interrupted is finished after the next start', async () => {
    const first = await start()
    const { id } = await createReady(first, 'going')
    await first.call(`/workspaces/${id}`, { method: 'DELETE' })
    await first.end('SIGKILL')
    const second = await start({ SWEEP_INTERVAL_SECONDS: '1' })
    expect((await second.call(`/workspaces/${id}`)).body).toMatchObject({ status: 'removed' })
    await expect
      .poll(() => machinesAtFly(files.emulatorUrl, id), { timeout: 90_000, interval: 250 })
      .toEqual([])
  })
})
