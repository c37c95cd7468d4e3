// A server process that ends and starts again: it leaves nothing behind, and loses neither a workspace nor a delivery, however it
// ended. Each test has its own copy of a data directory and its own ports. A start costs much: each test looks at all that one end and the next start do.
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { createPostgresDatabase } from '../../support/database.ts'
import { askRegion, type Json } from '../../support/harness.ts'
import { stillLiving } from '../../support/processes.ts'
import { readEventStream } from '../../support/event-stream.ts'
import { createUsedServerFixture, machinesAtFly, type Server } from '../../support/server.ts'
import { serversOfTests } from '../../support/servers-of-tests.ts'
import { startReceiver } from '../../support/webhook-receiver.ts'

type Workspace = Json & { id: string }

const tests = serversOfTests(createUsedServerFixture)

async function begin(server: Server, name: string): Promise<Workspace> {
  const { body } = await server.call<Workspace>('/workspaces', {
    method: 'POST',
    json: { name, runtime: 'hermes', tier: 2 },
  })
  expect(body['status']).toBe('provisioning')
  return body
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

const listen = async (server: Server, headers: Record<string, string> = {}) =>
  readEventStream(
    await fetch(`${server.url}/events`, { headers: { accept: 'text/event-stream', ...headers } }),
  )

/** The second server has these workspaces, and the first of them answers from its one machine and can be restarted. */
async function expectSameWorkspaces(second: Server, [first, ...others]: Workspace[]): Promise<void> {
  const id = first?.id ?? ''
  const { body: listed } = await second.call<Workspace[]>('/workspaces')
  expect(new Set(listed.map((one) => one.id))).toEqual(new Set([id, ...others.map((one) => one.id)]))
  await expect.poll(() => region(second, id), { interval: 200 }).toBe('ord')
  expect(await machinesAtFly(tests.files.emulatorUrl, id)).toHaveLength(1)

  const { status, body } = await second.call<Workspace>(`/workspaces/${id}/restart`, {
    method: 'POST',
    headers: { prefer: 'wait=30' },
  })
  expect(status).toBe(200)
  expect(body).toMatchObject({ status: 'ready', generation: 2 })
  expect(await region(second, id)).toBe('ord')
  expect(await machinesAtFly(tests.files.emulatorUrl, id)).toHaveLength(1)
}

/** Ctrl-C arrives twice, because npm passes it on: a request ends, and then the server. */
async function expectCtrlCInGoodOrder(server: Server): Promise<void> {
  const names = async () => (await server.call<Json[]>('/workspaces')).body.map(({ name }) => name)
  const answer = server.call('/workspaces', {
    method: 'POST',
    headers: { prefer: 'wait=30' },
    json: { name: 'interrupted', runtime: 'external' },
  })
  await expect.poll(names).toContain('interrupted')
  const [exit] = await Promise.all([server.end('SIGINT'), delay(20).then(() => server.end('SIGINT'))])
  expect((await answer).status).toBe(201)
  expect(exit).toEqual({ code: 0, signal: null })
}

test('SIGTERM leaves no agent running, a second start continues workspaces and event streams, and a Ctrl-C that arrives twice ends it in good order', async () => {
  const DATABASE_URL = await createPostgresDatabase()
  const first = await tests.start({ DATABASE_URL })
  const before = await listen(first, { 'last-event-id': '0' })
  const lasting = await createReady(first, 'lasting')
  const other = await createReady(first, 'other')
  await expect.poll(() => before.received.map(({ type }) => type)).toContain('agent_answered')
  const guests = first.guests()
  expect(guests).toHaveLength(2)
  expect(await first.end('SIGTERM')).toEqual({ code: 0, signal: null })
  expect(stillLiving(guests)).toEqual([])
  // It ends normally: a broken connection would be an error here.
  await before.ended

  const second = await tests.start({ DATABASE_URL })
  const after = await listen(second, { 'last-event-id': before.lastEventId() })
  await expectSameWorkspaces(second, [lasting, other])
  await second.call(`/workspaces/${other.id}`, { method: 'PATCH', json: { name: 'renamed' } })
  await expect.poll(() => after.received.map(({ type }) => type)).toContain('workspace_updated')
  const { body } = await second.call<{ events: Json[] }>('/events?limit=1000')
  const received = [...before.received, ...after.received].map(({ data }) => data)
  expect(received).toEqual(body.events.slice(0, received.length))
  await after.close()
  await expectCtrlCInGoodOrder(second)
})

test('after kill -9, also in the middle of a delivery, the next server delivers every change and has every workspace with one machine or none', async () => {
  const receiver = await startReceiver()
  onTestFinished(() => receiver.close())
  // Sweeps are far apart, so that no change is delivered before the first kill.
  const first = await tests.start({ EMULATOR_BOOT_MS: '1000', SWEEP_INTERVAL_SECONDS: '3600' })
  const { body: endpoint, status: subscribed } = await first.call('/webhook-endpoints', {
    method: 'POST',
    json: { url: `${receiver.url}/hook` },
  })
  expect(subscribed).toBe(201)
  await receiver.control({ secrets: [endpoint['secret']], delay: 60_000 })
  const [lasting, going] = await Promise.all([createReady(first, 'lasting'), createReady(first, 'going')])
  const guests = first.guests()
  expect(guests).toHaveLength(2)
  const placed = await begin(first, 'its machine is being placed, pulled or booted')
  await delay(400)
  const [stored] = await Promise.all([
    begin(first, 'its row is stored'),
    first.call(`/workspaces/${going.id}`, { method: 'DELETE' }),
  ])
  await first.end('SIGKILL')
  await expect.poll(() => stillLiving(guests)).toEqual([])
  expect(await receiver.received()).toEqual([])

  const second = await tests.start({ EMULATOR_BOOT_MS: '1000', SWEEP_INTERVAL_SECONDS: '1' })
  await expect.poll(async () => (await receiver.received()).length, { timeout: 50_000 }).toBeGreaterThan(0)
  const interrupted = (await receiver.received()).at(-1)
  await second.end('SIGKILL')
  await receiver.control({ delay: 0 })
  await receiver.clear()

  const third = await tests.start({ EMULATOR_BOOT_MS: '1000', SWEEP_INTERVAL_SECONDS: '1' })
  expect((await third.call(`/workspaces/${going.id}`)).body).toMatchObject({ status: 'removed' })
  await expectSameWorkspaces(third, [lasting, placed, stored])
  for (const { id } of [placed, stored]) {
    const read = async () => (await third.call<Workspace>(`/workspaces/${id}`)).body
    // The killed server held the lease, so the create continues when the lease has expired.
    await expect
      .poll(async () => (await read())['status'], { timeout: 120_000, interval: 250 })
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
      expect(await region(third, id)).toBe('ord')
    }
    expect(await machinesAtFly(tests.files.emulatorUrl, id)).toHaveLength(
      atRest['status'] === 'ready' ? 1 : 0,
    )
  }
  await expect
    .poll(() => machinesAtFly(tests.files.emulatorUrl, going.id), { timeout: 90_000, interval: 250 })
    .toEqual([])

  const typesOf = async ({ id }: Workspace) =>
    (await receiver.received()).filter(({ data }) => data.workspace_id === id).map(({ type }) => type)
  await expect
    .poll(() => typesOf(lasting), { timeout: 50_000 })
    .toEqual(expect.arrayContaining(['workspace_created', 'agent_answered', 'restart_requested']))
  const delivered = (await receiver.received()).filter(({ status }) => status === 204)
  expect(delivered.map((one) => one.id)).toContain(interrupted?.id)
  const numbersOf = ({ id }: Workspace) =>
    delivered.filter(({ data }) => data.workspace_id === id).map(({ data }) => data.seq)
  for (const workspace of [lasting, going, placed, stored])
    expect(numbersOf(workspace)).toEqual(numbersOf(workspace).toSorted((a, b) => a - b))
  expect(new Set(delivered.map(({ data }) => data.seq)).size).toBe(delivered.length)
})
