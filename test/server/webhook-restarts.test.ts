// A server process that is killed between a change and its delivery: the next one delivers it. And a rotation of its keys.
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { createPostgresDatabase } from '../support/database.ts'
import type { Json } from '../support/harness.ts'
import {
  createUsedServerFixture,
  type Server,
  spawnNode,
  startAndExpectExit,
  startServer,
} from '../support/server.ts'
import { bundleOf } from '../support/server-program.ts'
import { type Receiver, startReceiver } from '../support/webhook-receiver.ts'

type Endpoint = Json & { id: string; secret: string }

let receiver: Receiver
beforeAll(async () => {
  receiver = await startReceiver()
})
afterAll(async () => {
  await receiver.close()
})

let files: Awaited<ReturnType<typeof createUsedServerFixture>>
let running: Server[]
beforeEach(async () => {
  files = await createUsedServerFixture()
  running = []
  await receiver.clear()
  await receiver.control({ status: 204, delay: 0 })
})
afterEach(async () => {
  await Promise.all(running.map((server) => server.end('SIGKILL')))
  files.remove()
})

async function start(settings: Record<string, string> = {}): Promise<Server> {
  const server = await startServer({ ...files.settings, SWEEP_INTERVAL_SECONDS: '1', ...settings })
  running.push(server)
  return server
}

const subscribe = async (server: Server) => {
  const { body, status } = await server.call<Endpoint>('/webhook-endpoints', {
    method: 'POST',
    json: { url: `${receiver.url}/hook` },
  })
  expect(status).toBe(201)
  await receiver.control({ secrets: [body.secret] })
  return body
}

const create = async (server: Server) => {
  const { body } = await server.call<{ id: string }>('/workspaces', {
    method: 'POST',
    headers: { prefer: 'wait=30' },
    json: { name: 'changed', runtime: 'hermes', tier: 2 },
  })
  return body.id
}

test('a kill between a change and its delivery loses nothing, and one in the middle of a delivery repeats it under the same id', async () => {
  // Sweeps are far apart, so that the change is not delivered before the kill.
  const first = await start({ SWEEP_INTERVAL_SECONDS: '3600' })
  await subscribe(first)
  const id = await create(first)
  await first.end('SIGKILL')
  expect(await receiver.received()).toEqual([])

  await receiver.control({ delay: 60_000 })
  const second = await start()
  const ofIt = async () => (await receiver.received()).filter(({ data }) => data.workspace_id === id)
  await expect.poll(async () => (await ofIt()).length, { timeout: 50_000 }).toBeGreaterThan(0)
  const [interrupted] = await ofIt()
  await second.end('SIGKILL')

  await receiver.control({ delay: 0 })
  await receiver.clear()
  await start()
  await expect
    .poll(async () => (await ofIt()).map(({ type }) => type), { timeout: 50_000 })
    .toEqual(expect.arrayContaining(['workspace_created', 'agent_answered']))
  const delivered = (await receiver.received()).filter(({ status }) => status === 204)
  expect(delivered.map((one) => one.id)).toContain(interrupted?.id)
  const list = delivered.map(({ data }) => data.seq)
  expect(list).toEqual(list.toSorted((a, b) => a - b))
  expect(new Set(list).size).toBe(list.length)
})

test('another SECRETS_ENCRYPTION_KEY is refused unless the old key is given too, and after a rotation everything is read with it', async () => {
  const [old = '', other = ''] = ['b', 'c'].map((letter) => Buffer.alloc(32, letter).toString('base64'))
  const DATABASE_URL = await createPostgresDatabase()
  const first = await start({ DATABASE_URL, SECRETS_ENCRYPTION_KEY: old })
  const endpoint = await subscribe(first)
  const saved = await first.call('/settings/secrets', { method: 'PUT', json: { key: 'A', value: 'kept' } })
  expect(saved).toMatchObject({ status: 200 })
  await first.end('SIGTERM')

  const settings = { ...files.settings, DATABASE_URL, SECRETS_ENCRYPTION_KEY: other }
  const { code, stderr } = await startAndExpectExit(settings)
  expect(code).toBe(2)
  expect(stderr).toMatch(/SECRETS_ENCRYPTION_KEY does not open the stored secrets.*SECRETS_PREVIOUS_KEYS/)

  const rotation = spawnNode(await bundleOf('commands/secrets-rotate.ts'), {
    ...settings,
    SECRETS_PREVIOUS_KEYS: old,
  })
  expect(await rotation.exited).toMatchObject({ code: 0 })
  expect(rotation.printed.stdout).toMatch(/^sealed 2 anew with key [0-9a-f]{8}; 0 cannot be read\n$/)

  const second = await start({ DATABASE_URL, SECRETS_ENCRYPTION_KEY: other })
  expect((await second.call('/settings/secrets')).body).toMatchObject([{ key: 'A' }])
  const { body } = await second.call(`/webhook-endpoints/${endpoint.id}/test`, { method: 'POST' })
  expect(body).toMatchObject({ delivered: true })
})
