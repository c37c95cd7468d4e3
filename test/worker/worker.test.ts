// The Worker in workerd, from the bundle that would be deployed, over Neon's driver and a real Postgres. Agents register at it.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { readEventStream } from '../support/event-stream.ts'
import { askRegion, type Json } from '../support/harness.ts'
import { connectMcp, useEveryTool } from '../support/mcp-client.ts'
import { ADMIN_TOKEN, startWorkerFixture, type WorkerFixture } from '../support/worker.ts'
import { bundleWorker } from '../support/worker-bundle.ts'

let worker: WorkerFixture
const resumed = Promise.withResolvers<void>()
beforeAll(async () => {
  worker = await startWorkerFixture((await bundleWorker()).code, {
    'ghcr.io/molecule-ai/workspace-openclaw*': pausingAgent(resumed.promise),
  })
})
afterAll(() => worker.close())

const read = async (id: string) => (await (await worker.call(`/workspaces/${id}`)).json()) as Json

async function create(input: Json, headers: Record<string, string> = {}): Promise<Json & { id: string }> {
  const response = await worker.call('/workspaces', { method: 'POST', headers, json: input })
  expect(response.status).toBe(201)
  return (await response.json()) as Json & { id: string }
}

const machinesOf = (id: string) => worker.emulator.machines().filter(({ name }) => name === `ws-${id}`)

test('the Worker reports its parts', async () => {
  const response = await worker.call('/healthz')
  expect(await response.json()).toMatchObject({
    status: 'ok',
    provisioner: 'flyio',
    app: 'test-app',
    emulator: false,
    database: 'neon',
  })
})

test('a Worker that was deployed without its assets says what to do', async () => {
  const response = await worker.call('/openapi.json')
  expect([response.status, await response.json()]).toEqual([
    503,
    expect.objectContaining({
      code: 'misconfigured',
      detail: expect.stringContaining('run npm ci') as string,
    }),
  ])
})

test('the Worker is ready and serves metrics', async () => {
  const ready = await worker.call('/readyz')
  expect(await ready.json()).toMatchObject({
    status: 'ok',
    checks: { migrations: { ok: true }, provider: { ok: true } },
  })
  const metrics = await (await worker.call('/metrics')).text()
  expect(metrics).toContain('molecule_info{version="0.1.0",database="neon"} 1')
  expect(metrics).toMatch(/^molecule_provider_calls_total\{action="get_app",outcome="ok"\} 1$/m)
})

test('the Worker encrypts secrets and delivers them to the machine', async () => {
  const { id } = await create(
    { name: 'sealed', runtime: 'hermes', secrets: { KEY: 'of-the-worker' } },
    { prefer: 'wait=20' },
  )
  expect(await read(id)).toMatchObject({ status: 'ready' })
  const listed = await worker.call(`/workspaces/${id}/secrets`)
  expect(await listed.json()).toMatchObject([{ key: 'KEY', has_value: true }])
  const saved = await worker.call('/settings/secrets', { method: 'PUT', json: { key: 'ALL', value: 'x' } })
  expect(saved.status).toBe(200)
  await worker.call('/settings/secrets/ALL', { method: 'DELETE' })
})

test.each([
  ['no token', {}],
  ['a wrong token', { authorization: 'Bearer wrong' }],
])('the Worker answers 401 to a request with %s', async (_, headers) => {
  const response = await fetch(`${worker.url}/workspaces`, { headers })
  expect(response.status).toBe(401)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
})

test('the Worker goes from create over ready and A2A to a removed machine', async () => {
  const created = await create({ name: 'fly-worker', runtime: 'hermes', tier: 2 })
  expect(created['status']).toBe('provisioning')
  await expect.poll(async () => (await read(created.id))['status'], { interval: 100 }).toBe('ready')
  expect(await read(created.id)).toMatchObject({
    machine_state: 'started',
    reason: null,
    // The agent registered at workerd, with its own token.
    agent_card: { name: 'fly-worker' },
  })

  const answer = await worker.call(`/workspaces/${created.id}/a2a`, { method: 'POST', json: askRegion('7') })
  expect(await answer.json()).toMatchObject({ id: '7', result: { parts: [{ text: 'ord' }] } })

  const removed = await worker.call(`/workspaces/${created.id}`, {
    method: 'DELETE',
    headers: { prefer: 'wait=15' },
  })
  expect(await removed.json()).toEqual({ status: 'removed', cascade_deleted: 0 })
  expect(machinesOf(created.id).map(({ state }) => state)).toEqual(['destroyed'])
  expect(await read(created.id)).toMatchObject({ status: 'removed' })
})

test('every tool of the MCP server does its work in the Worker', async () => {
  const client = await connectMcp(worker.url, ADMIN_TOKEN)
  await useEveryTool(client)
  await client.close()
})

test('the Worker proxies a message without a statement once the route is cached', async () => {
  const { id } = await create({ name: 'quick', runtime: 'hermes' }, { prefer: 'wait=20' })
  const ask = () => worker.call(`/workspaces/${id}/a2a`, { method: 'POST', json: askRegion('7') })
  expect((await ask()).status).toBe(200)
  worker.bridge.statements.length = 0
  for (let n = 0; n < 5; n++) expect((await ask()).status).toBe(200)
  // Activity is written after the answers; agents and sweeps have other statements.
  const ofRoute = worker.bridge.statements.filter((text) => /from "workspaces"|"workspace_tokens"/.test(text))
  expect(ofRoute.filter((text) => !/heartbeat/.test(text))).toEqual([])
})

test('frequent requests need few statements on the Worker', async () => {
  const { id } = await create({ name: 'counted', runtime: 'hermes' }, { prefer: 'wait=20' })
  const { auth_token: token } = (await (
    await worker.call(`/workspaces/${id}/tokens`, { method: 'POST' })
  ).json()) as { auth_token: string }
  /** The statements until the answer arrived. */
  async function statementsOf(ask: () => Promise<Response>): Promise<string[]> {
    // Work after the previous answer has ended.
    await delay(600)
    worker.bridge.statements.length = 0
    expect((await ask()).ok).toBe(true)
    return [...worker.bridge.statements]
  }
  const ask = () => worker.call(`/workspaces/${id}/a2a`, { method: 'POST', json: askRegion('7') })

  expect(await statementsOf(() => worker.call(`/workspaces/${id}`))).toHaveLength(1)
  expect(await statementsOf(() => worker.call(`/workspaces/${id}/explain`))).toHaveLength(1)
  expect(
    await statementsOf(() =>
      worker.call('/registry/heartbeat', {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
        json: { workspace_id: id, active_tasks: 0 },
      }),
    ),
  ).toHaveLength(1)
  await worker.call(`/workspaces/${id}`, { method: 'PATCH', json: { name: 'renamed' } })
  expect(await statementsOf(ask)).toHaveLength(1)
  expect(await statementsOf(ask)).toHaveLength(0)

  const creating = await statementsOf(() =>
    worker.call('/workspaces', { method: 'POST', json: { name: 'another', runtime: 'hermes' } }),
  )
  // The reconcile begins before the answer arrives, with the claim of the row. The audit is written after the answer.
  const claim = creating.findIndex((text) => text.startsWith('update "workspaces" set "lease_id"'))
  const ofCreate = (claim === -1 ? creating : creating.slice(0, claim)).filter(
    (text) => !text.startsWith('insert into "events"'),
  )
  expect(ofCreate.length + 1).toBeLessThanOrEqual(3)
})

test('the Worker wakes a hibernated workspace and delivers a stored message by cron', async () => {
  const { id } = await create({ name: 'sleepy', runtime: 'hermes' }, { prefer: 'wait=20' })
  await worker.call(`/workspaces/${id}/hibernate`, { method: 'POST', headers: { prefer: 'wait=10' } })
  const accepted = await worker.call(`/workspaces/${id}/a2a`, {
    method: 'POST',
    headers: { prefer: 'respond-async' },
    json: askRegion('later'),
  })
  expect(accepted.status).toBe(202)
  expect(await worker.runCron()).toBe('ok')
  const message = await worker.call(accepted.headers.get('location') ?? '')
  expect(await message.json()).toMatchObject({
    state: 'answered',
    response: { id: 'later', result: { parts: [{ text: 'ord' }] } },
  })
})

test('the Worker passes a stream on while the agent is still working', async () => {
  const { id, status } = await create({ name: 'pausing', runtime: 'openclaw' }, { prefer: 'wait=20' })
  expect(status).toBe('ready')
  const response = await worker.call(`/workspaces/${id}/a2a`, {
    method: 'POST',
    headers: { accept: 'text/event-stream' },
    json: { ...askRegion(), method: 'message/stream' },
  })
  expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  // The agent pauses after its first event, so this is read while the answer is open. It may come in pieces.
  let first = ''
  while (first.length < FIRST.length) first += (await reader.read()).value ?? '(it ended)'
  expect(first).toBe(FIRST)
  resumed.resolve()
  let rest = ''
  for (let part = await reader.read(); !part.done; part = await reader.read()) rest += part.value
  expect(rest).toBe(LAST)
})

test('an event stream of the Worker ends within its limits and continues', async () => {
  const events = (headers: Record<string, string> = {}) =>
    worker.call('/events?types=workspace_created', { headers: { accept: 'text/event-stream', ...headers } })
  const listener = await readEventStream(await events())
  await expect.poll(() => listener.lastEventId()).toMatch(/\d/)
  const { id } = await create({ name: 'first', runtime: 'hermes' })
  await expect.poll(() => listener.received.map(({ data }) => data['workspace_id'])).toEqual([id])
  await listener.close()
  const { id: next } = await create({ name: 'second', runtime: 'hermes' })
  const back = await readEventStream(await events({ 'last-event-id': listener.lastEventId() }))
  await expect.poll(() => back.received.map(({ data }) => data['workspace_id'])).toEqual([next])
  await back.close()
})

test("the Worker's cron trigger finds a machine that was destroyed from outside", async () => {
  const { id } = await create({ name: 'unlucky', runtime: 'hermes' }, { prefer: 'wait=20' })
  const [machine] = machinesOf(id)
  await worker.emulator.api.fetch(
    new Request(`http://fly/v1/apps/test-app/machines/${machine?.id}?force=true`, {
      method: 'DELETE',
      headers: { authorization: 'Bearer test-token' },
    }),
  )
  await expect.poll(() => machinesOf(id).map(({ state }) => state)).toContain('destroyed')
  await expect
    .poll(
      async () => {
        expect(await worker.runCron()).toBe('ok')
        return machinesOf(id).length
      },
      { interval: 200 },
    )
    .toBe(2)
})

const FIRST = 'data: {"jsonrpc":"2.0","id":"1","result":{"kind":"message","n":1}}\n\n'
const LAST = 'data: {"jsonrpc":"2.0","id":"1","result":{"kind":"message","n":2}}\n\n'

/** An agent that does not register, and that pauses after its first event until `resumed` resolves. */
function pausingAgent(resumed: Promise<void>): Program {
  return async (machine) => {
    await machine.listen(8000, (request) => {
      if (request.method === 'GET') return Response.json({ name: 'pausing', version: '1', skills: [] })
      const encoder = new TextEncoder()
      const body = new ReadableStream<Uint8Array>({
        async start(controller) {
          controller.enqueue(encoder.encode(FIRST))
          await resumed
          controller.enqueue(encoder.encode(LAST))
          controller.close()
        },
      })
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    })
    await new Promise((resolve) => machine.stopping.addEventListener('abort', resolve))
    return 0
  }
}
