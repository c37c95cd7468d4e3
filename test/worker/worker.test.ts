// The Worker in workerd, from the bundle that would be deployed: over Neon's driver and a real Postgres, with agents that
// call home to it.
import { gzipSync } from 'node:zlib'
import { neon } from '@neondatabase/serverless'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Program } from '../../lib/emulator/guests/host.ts'
import * as zod from 'zod'
import { connectNeon } from '../../drizzle/drivers/neon.ts'
import * as zodForWorkers from '../../functions/worker/zod/index.ts'
import { createPostgresDatabase } from '../support/database.ts'
import { readEventStream } from '../support/event-stream.ts'
import { askRegion, type Json } from '../support/harness.ts'
import { startNeonBridge } from '../support/neon-bridge.ts'
import { startWorkerd, startWorkerFixture, type WorkerFixture } from '../support/worker.ts'
import { type Bundle, bundleWorker } from '../support/worker-bundle.ts'

const MAX_GZIPPED_BYTES = 300 * 1024

let bundle: Bundle
beforeAll(async () => {
  bundle = await bundleWorker({ minify: true })
})

describe('the bundle', () => {
  test('the bundle imports nothing, not even a Node module', () => {
    expect(bundle.externals).toEqual([])
    expect(bundle.code).not.toMatch(/(from|import|require\()\s*["']node:/)
  })

  test('the bundle contains neither the emulator nor another driver', () => {
    const strangers =
      /lib\/emulator|pglite|node_modules\/pg\/|@a2a-js|functions\/(node|listen|embedded-fly)\.ts/
    expect(bundle.inputs.filter((input) => strangers.test(input))).toEqual([])
    expect(bundle.inputs).toContain('functions/worker.ts')
  })

  test('the bundle contains all of zod except its locales', () => {
    const left = Object.keys(zod).filter((name) => !Object.hasOwn(zodForWorkers, name))
    expect(left.toSorted()).toEqual(['core', 'locales'])
    expect(Object.keys(zodForWorkers.z).length).toBeGreaterThan(200)
  })

  test('the bundle is small', () => {
    const size = gzipSync(bundle.code).length
    console.log(`the Worker: ${Math.round(size / 1024)} KiB gzipped`)
    expect(size).toBeLessThanOrEqual(MAX_GZIPPED_BYTES)
  })
})

describe('without its settings', () => {
  const SETTINGS = {
    CONTAINER_BACKEND: 'flyio',
    FLY_API_TOKEN: 'a-secret-token',
    FLY_WORKSPACE_APP: 'test-app',
    DATABASE_URL: 'postgres://user:secret@127.0.0.1/database',
    PUBLIC_URL: 'https://workspaces.example',
    ADMIN_TOKEN: 'another-secret-token',
  }

  async function answerWith(bindings: Record<string, string>) {
    const worker = await startWorkerd(bundle.code, bindings)
    try {
      const response = await fetch(`${worker.url}/workspaces`)
      const text = await response.text()
      return { status: response.status, type: response.headers.get('content-type'), text }
    } finally {
      await worker.close()
    }
  }

  test('a Worker without settings answers 503 and names all that are missing', async () => {
    const { status, type, text } = await answerWith({ CONTAINER_BACKEND: 'flyio', FLY_REGION: 'ord' })
    expect(status).toBe(503)
    expect(type).toBe('application/problem+json')
    const { code, detail } = JSON.parse(text) as { code: string; detail: string }
    expect(code).toBe('misconfigured')
    for (const name of ['FLY_API_TOKEN', 'FLY_WORKSPACE_APP', 'DATABASE_URL', 'PUBLIC_URL', 'ADMIN_TOKEN']) {
      expect(detail.split(`${name} is missing`)).toHaveLength(2)
    }
    expect(text).not.toContain('CONTAINER_BACKEND is missing')
  })

  test('a Worker with FLY_ENDPOINT=internal answers 503', async () => {
    const { status, text } = await answerWith({ ...SETTINGS, FLY_ENDPOINT: 'internal' })
    expect(status).toBe(503)
    expect(text).toContain('FLY_ENDPOINT=internal is for inside of Fly')
  })

  test('a Worker without ADMIN_TOKEN answers 503 and names it', async () => {
    const { ADMIN_TOKEN: _, ...rest } = SETTINGS
    const { status, text } = await answerWith(rest)
    expect(status).toBe(503)
    expect(text).toContain('ADMIN_TOKEN is missing')
    expect(text).not.toMatch(/secret|FLY_|DATABASE_URL/)
  })

  test('a Worker names wrong and missing settings together, without values', async () => {
    const { ADMIN_TOKEN: _, ...rest } = SETTINGS
    const { text } = await answerWith({ ...rest, FLY_REGION: 'the-moon' })
    expect(text).toContain('ADMIN_TOKEN is missing')
    expect(text).toContain('FLY_REGION must be')
    expect(text).not.toContain('the-moon')
  })
})

describe('in workerd', () => {
  let place: WorkerFixture
  const letGo = Promise.withResolvers<void>()
  beforeAll(async () => {
    place = await startWorkerFixture(bundle.code, {
      'ghcr.io/molecule-ai/workspace-openclaw*': halfSaid(letGo.promise),
    })
  })
  afterAll(() => place.close())

  const read = async (id: string) => (await (await place.call(`/workspaces/${id}`)).json()) as Json

  async function create(input: Json, headers: Record<string, string> = {}): Promise<Json & { id: string }> {
    const response = await place.call('/workspaces', { method: 'POST', headers, json: input })
    expect(response.status).toBe(201)
    return (await response.json()) as Json & { id: string }
  }

  const machinesOf = (id: string) => place.emulator.machines().filter(({ name }) => name === `ws-${id}`)

  test('the Worker reports its parts', async () => {
    const response = await place.call('/healthz')
    expect(await response.json()).toMatchObject({
      status: 'ok',
      provisioner: 'flyio',
      app: 'test-app',
      emulator: false,
      database: 'neon',
    })
  })

  test('the Worker is ready and serves metrics', async () => {
    const ready = await place.call('/readyz')
    expect(await ready.json()).toMatchObject({
      status: 'ok',
      checks: { migrations: { ok: true }, fly: { ok: true } },
    })
    const metrics = await (await place.call('/metrics')).text()
    expect(metrics).toContain('molecule_info{version="0.1.0",database="neon"} 1')
    expect(metrics).toMatch(/^molecule_fly_calls_total\{action="get_app",outcome="ok"\} 1$/m)
  })

  test('the Worker encrypts secrets and delivers them to the machine', async () => {
    const { id } = await create(
      { name: 'sealed', runtime: 'hermes', secrets: { KEY: 'of-the-worker' } },
      { prefer: 'wait=20' },
    )
    expect(await read(id)).toMatchObject({ status: 'ready' })
    const listed = await place.call(`/workspaces/${id}/secrets`)
    expect(await listed.json()).toMatchObject([{ key: 'KEY', has_value: true }])
    const saved = await place.call('/settings/secrets', { method: 'PUT', json: { key: 'ALL', value: 'x' } })
    expect(saved.status).toBe(200)
    await place.call('/settings/secrets/ALL', { method: 'DELETE' })
  })

  test.each([
    ['no token', {}],
    ['a wrong token', { authorization: 'Bearer wrong' }],
  ])('answers 401 to %s', async (_, headers) => {
    const response = await fetch(`${place.url}/workspaces`, { headers })
    expect(response.status).toBe(401)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
  })

  test('the Worker goes from create over ready and A2A to a removed machine', async () => {
    const created = await create({ name: 'fly-worker', runtime: 'hermes', tier: 2 })
    expect(created['status']).toBe('provisioning')
    await expect
      .poll(async () => (await read(created.id))['status'], { timeout: 15_000, interval: 100 })
      .toBe('ready')
    expect(await read(created.id)).toMatchObject({
      machine_state: 'started',
      reason: null,
      // The agent registered at workerd, with its own token.
      agent_card: { name: 'fly-worker' },
    })

    const answer = await place.call(`/workspaces/${created.id}/a2a`, { method: 'POST', json: askRegion('7') })
    expect(await answer.json()).toMatchObject({ id: '7', result: { parts: [{ text: 'ord' }] } })

    const removed = await place.call(`/workspaces/${created.id}`, {
      method: 'DELETE',
      headers: { prefer: 'wait=15' },
    })
    expect(await removed.json()).toEqual({ status: 'removed', cascade_deleted: 0 })
    expect(machinesOf(created.id).map(({ state }) => state)).toEqual(['destroyed'])
    expect(await read(created.id)).toMatchObject({ status: 'removed' })
  })

  test('the Worker proxies a message without a statement once the route is cached', async () => {
    const { id } = await create({ name: 'quick', runtime: 'hermes' }, { prefer: 'wait=20' })
    const ask = () => place.call(`/workspaces/${id}/a2a`, { method: 'POST', json: askRegion('7') })
    expect((await ask()).status).toBe(200)
    place.bridge.statements.length = 0
    for (let n = 0; n < 5; n++) expect((await ask()).status).toBe(200)
    // What is written is the activity, after the answers; agents and sweeps have their own statements.
    const ours = place.bridge.statements.filter((text) => /from "workspaces"|"workspace_tokens"/.test(text))
    expect(ours.filter((text) => !/heartbeat/.test(text))).toEqual([])
  })

  test('frequent requests need few statements on the Worker', async () => {
    const { id } = await create({ name: 'counted', runtime: 'hermes' }, { prefer: 'wait=20' })
    const { auth_token: token } = (await (
      await place.call(`/workspaces/${id}/tokens`, { method: 'POST' })
    ).json()) as { auth_token: string }
    /** Those until the answer was there. */
    async function statementsOf(ask: () => Promise<Response>): Promise<string[]> {
      // Whatever goes on after an answer has ended.
      await new Promise((done) => setTimeout(done, 600))
      place.bridge.statements.length = 0
      expect((await ask()).ok).toBe(true)
      return [...place.bridge.statements]
    }
    const ask = () => place.call(`/workspaces/${id}/a2a`, { method: 'POST', json: askRegion('7') })

    expect(await statementsOf(() => place.call(`/workspaces/${id}`))).toHaveLength(1)
    expect(
      await statementsOf(() =>
        place.call('/registry/heartbeat', {
          method: 'POST',
          headers: { authorization: `Bearer ${token}` },
          json: { workspace_id: id, active_tasks: 0 },
        }),
      ),
    ).toHaveLength(1)
    await place.call(`/workspaces/${id}`, { method: 'PATCH', json: { name: 'forgotten way' } })
    expect(await statementsOf(ask)).toHaveLength(1)
    expect(await statementsOf(ask)).toHaveLength(0)

    const creating = await statementsOf(() =>
      place.call('/workspaces', { method: 'POST', json: { name: 'another', runtime: 'hermes' } }),
    )
    // The reconcile that follows begins before the answer is here; it claims the row first. The audit is written after it.
    const claim = creating.findIndex((text) => text.startsWith('update "workspaces" set "lease_id"'))
    const own = (claim === -1 ? creating : creating.slice(0, claim)).filter(
      (text) => !text.startsWith('insert into "events"'),
    )
    expect(own.length + 1).toBeLessThanOrEqual(3)
  })

  test('the Worker wakes a hibernated workspace and delivers a stored message by cron', async () => {
    const { id } = await create({ name: 'sleepy', runtime: 'hermes' }, { prefer: 'wait=20' })
    await place.call(`/workspaces/${id}/hibernate`, { method: 'POST', headers: { prefer: 'wait=10' } })
    const accepted = await place.call(`/workspaces/${id}/a2a`, {
      method: 'POST',
      headers: { prefer: 'respond-async' },
      json: askRegion('later'),
    })
    expect(accepted.status).toBe(202)
    expect(await place.runCron()).toBe('ok')
    const message = await place.call(accepted.headers.get('location') ?? '')
    expect(await message.json()).toMatchObject({
      state: 'answered',
      response: { id: 'later', result: { parts: [{ text: 'ord' }] } },
    })
  })

  test('the Worker passes a stream on while the agent is still working', async () => {
    const { id, status } = await create({ name: 'half-said', runtime: 'openclaw' }, { prefer: 'wait=20' })
    expect(status).toBe('ready')
    const response = await place.call(`/workspaces/${id}/a2a`, {
      method: 'POST',
      headers: { accept: 'text/event-stream' },
      json: { ...askRegion(), method: 'message/stream' },
    })
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
    // The agent says no more until it is let go, so this is read while the answer is open. It may come in pieces.
    let first = ''
    while (first.length < FIRST.length) first += (await reader.read()).value ?? '(it ended)'
    expect(first).toBe(FIRST)
    letGo.resolve()
    let rest = ''
    for (let part = await reader.read(); !part.done; part = await reader.read()) rest += part.value
    expect(rest).toBe(LAST)
  })

  test('an event stream of the Worker ends within its limits and continues', async () => {
    const events = (headers: Record<string, string> = {}) =>
      place.call('/events?types=workspace_created', { headers: { accept: 'text/event-stream', ...headers } })
    const listener = await readEventStream(await events())
    await expect.poll(() => listener.lastEventId(), { timeout: 10_000 }).toMatch(/\d/)
    const { id } = await create({ name: 'told', runtime: 'hermes' })
    await expect
      .poll(() => listener.received.map(({ data }) => data['workspace_id']), { timeout: 10_000 })
      .toEqual([id])
    await listener.close()
    const { id: next } = await create({ name: 'told later', runtime: 'hermes' })
    const back = await readEventStream(await events({ 'last-event-id': listener.lastEventId() }))
    await expect
      .poll(() => back.received.map(({ data }) => data['workspace_id']), { timeout: 10_000 })
      .toEqual([next])
    await back.close()
  })

  test("the Worker's cron trigger finds a machine that was destroyed from outside", async () => {
    const { id } = await create({ name: 'unlucky', runtime: 'hermes' }, { prefer: 'wait=20' })
    const [machine] = machinesOf(id)
    await place.emulator.api.fetch(
      new Request(`http://fly/v1/apps/test-app/machines/${machine?.id}?force=true`, {
        method: 'DELETE',
        headers: { authorization: 'Bearer test-token' },
      }),
    )
    await expect
      .poll(() => machinesOf(id).map(({ state }) => state), { timeout: 10_000 })
      .toContain('destroyed')
    await expect
      .poll(
        async () => {
          expect(await place.runCron()).toBe('ok')
          return machinesOf(id).length
        },
        { timeout: 15_000, interval: 200 },
      )
      .toBe(2)
  })
})

describe('the bridge that stands for Neon', () => {
  let bridge: Awaited<ReturnType<typeof startNeonBridge>>
  let url: string
  beforeAll(async () => {
    bridge = await startNeonBridge()
    url = await createPostgresDatabase()
  })
  afterAll(() => bridge.close())

  test('the Neon bridge returns errors with their SQLSTATE', async () => {
    const { db } = connectNeon(url, bridge.endpoint)
    await expect(db.execute('select * from nowhere')).rejects.toMatchObject({ cause: { code: '42P01' } })
  })

  test('the Neon bridge returns values as text', async () => {
    connectNeon(url, bridge.endpoint)
    const rows = await neon(url).query(
      `select 1 as number, true as yes, null as nothing, '{"a": [1]}'::jsonb as json, array['x', 'y'] as list`,
    )
    expect(rows).toEqual([{ number: 1, yes: true, nothing: null, json: { a: [1] }, list: ['x', 'y'] }])
  })

  test('the Neon bridge runs a batch in one transaction', async () => {
    connectNeon(url, bridge.endpoint)
    const sql = neon(url)
    await sql`create table things (name text unique)`
    const insert = (name: string) => sql`insert into things values (${name})`
    await sql.transaction([insert('a'), insert('b')])
    await expect(sql.transaction([insert('c'), insert('a')])).rejects.toMatchObject({ code: '23505' })
    expect(await sql`select name from things order by name`).toEqual([{ name: 'a' }, { name: 'b' }])
  })
})

const FIRST = 'data: {"jsonrpc":"2.0","id":"1","result":{"kind":"message","n":1}}\n\n'
const LAST = 'data: {"jsonrpc":"2.0","id":"1","result":{"kind":"message","n":2}}\n\n'

/** An agent that cannot call home, and that stops after its first event until it is let go. */
function halfSaid(letGo: Promise<void>): Program {
  return async (machine) => {
    await machine.listen(8000, (request) => {
      if (request.method === 'GET') return Response.json({ name: 'half-said', version: '1', skills: [] })
      const encoder = new TextEncoder()
      const body = new ReadableStream<Uint8Array>({
        async start(controller) {
          controller.enqueue(encoder.encode(FIRST))
          await letGo
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
