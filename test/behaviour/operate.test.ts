// What an operator looks at: whether this server can work, and its numbers.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eq, sql } from 'drizzle-orm'
import * as schema from '../../drizzle/schema/index.ts'
import { askRegion, createHarness, type Harness } from '../support/harness.ts'
import { createGate, createScriptedAgent, SCRIPTED_AGENT_IMAGE } from '../support/scripted-agent.ts'

const ADMIN = 'an-operator-who-looks'
const headers = { authorization: `Bearer ${ADMIN}` }

let h: Harness
beforeEach(async () => {
  h = await createHarness({ env: { ADMIN_TOKEN: ADMIN } })
})
afterEach(() => h.close())

type Ready = { status: string; checks: Record<string, { ok: boolean; detail: string }> }
const UNKNOWN = '00000000-0000-4000-8000-000000000000'
const TRACE = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

const ready = () => h.request<Ready>('/readyz')

describe('/readyz', () => {
  test('is 200 for anybody when everything is as it should be', async () => {
    await h.sweep()
    const { body, status } = await ready()
    expect(status).toBe(200)
    expect(body.status).toBe('ok')
    expect(Object.entries(body.checks).map(([name, { ok }]) => [name, ok])).toEqual([
      ['database', true],
      ['migrations', true],
      ['fly', true],
      ['sweep', true],
    ])
  })

  test('says that Fly refuses the token, without its words, and asks it once in 30 s', async () => {
    h.emulator.faults.add({ kind: 'answer', status: 401, action: 'app.get' })
    for (let times = 0; times < 5; times++) {
      expect(await ready()).toMatchObject({
        status: 503,
        body: { status: 'failing', checks: { fly: { ok: false } } },
      })
    }
    expect(h.outgoing.filter(({ url }) => url.endsWith('/apps/test-app'))).toHaveLength(1)
    expect((await h.logs()).some(({ message }) => message === 'not ready')).toBe(true)
    h.emulator.faults.clear()
    h.advance(31_000)
    expect((await ready()).body.checks['fly']).toMatchObject({ ok: true })
  })

  test('says when nobody has swept for three intervals', async () => {
    await h.sweep()
    h.advance(14_000)
    expect((await ready()).status).toBe(200)
    h.advance(3_000)
    expect(await ready()).toMatchObject({ status: 503, body: { checks: { sweep: { ok: false } } } })
    await h.sweep()
    expect((await ready()).status).toBe(200)
  })

  test('says when nobody has ever swept, once there has been something to sweep for three intervals', async () => {
    h.advance(60_000)
    expect((await ready()).status).toBe(200)
    await h.request('/workspaces', { method: 'POST', headers, json: { name: 'unseen', runtime: 'hermes' } })
    expect((await ready()).status).toBe(200)
    h.advance(16_000)
    expect(await ready()).toMatchObject({
      status: 503,
      body: { checks: { sweep: { ok: false, detail: expect.stringContaining('never began') } } },
    })
    expect(await (await h.fetchRaw('/metrics', { headers })).text()).toMatch(
      /^molecule_sweep_age_seconds 1[67]$/m,
    )
    await h.sweep()
    expect((await ready()).status).toBe(200)
  })

  test('says that migrations are behind, and how to catch up', async () => {
    await h.db.execute(sql`delete from drizzle.__drizzle_migrations where id > 1`)
    expect(await ready()).toMatchObject({
      status: 503,
      body: { checks: { migrations: { ok: false, detail: expect.stringContaining('npm run db:migrate') } } },
    })
  })
})

describe('/metrics', () => {
  const metrics = async () => (await h.fetchRaw('/metrics', { headers })).text()

  test('count what was asked, by door and never by id', async () => {
    const { body } = await h.request<{ id: string }>('/workspaces', {
      method: 'POST',
      headers: { ...headers, prefer: 'wait=20' },
      json: { name: 'counted', runtime: 'hermes' },
    })
    await h.request(`/workspaces/${body.id}/a2a`, { method: 'POST', headers, json: askRegion() })
    await h.request('/nowhere', { headers })
    await h.sweep()
    const text = await metrics()
    expect(text).toContain('molecule_requests_total{route="POST /workspaces",status="201"} 1\n')
    expect(text).toContain('molecule_requests_total{route="A2A",status="200"} 1\n')
    expect(text).toContain('molecule_requests_total{route="none",status="404"} 1\n')
    expect(text).toContain('molecule_request_seconds_count{route="A2A"} 1\n')
    expect(text).toContain('molecule_fly_calls_total{action="create_machine",outcome="ok"} 1\n')
    expect(text).toContain('molecule_workspaces{status="ready"} 1\n')
    expect(text).toContain('molecule_sweeps_total{outcome="ok"} 1\n')
    expect(text).toMatch(/^molecule_sweep_age_seconds \d+$/m)
    expect(text).not.toContain(body.id)
  })

  test('say how late the sweep is, in terms that an alert can compare', async () => {
    await h.sweep()
    await h.db.execute(sql`update control_plane set last_swept_at = now()`)
    h.advance(40_000)
    const text = await metrics()
    const [, interval] = /^molecule_sweep_interval_seconds (\d+)$/m.exec(text) ?? []
    const [, age] = /^molecule_sweep_age_seconds (\d+)$/m.exec(text) ?? []
    expect(Number(age)).toBeGreaterThan(3 * Number(interval))
    const { body } = await h.request<{ id: string }>('/workspaces', {
      method: 'POST',
      headers: { ...headers, prefer: 'wait=20' },
      json: { name: 'late', runtime: 'hermes' },
    })
    await h.untilIdle()
    // Whoever is at it still would say anew when it is due.
    await expect
      .poll(async () => {
        await h.db
          .update(schema.workspaces)
          .set({ nextCheckAt: new Date(h.now().getTime() - 90_000) })
          .where(eq(schema.workspaces.id, body.id))
        return metrics()
      })
      .toMatch(/^molecule_sweep_lag_seconds 9\d(\.\d+)?$/m)
  })

  test('count streams for as long as they are open', async () => {
    const gate = createGate()
    const puppet = createScriptedAgent()
    puppet.answer = () =>
      new Response(
        new ReadableStream<Uint8Array>({
          async start(controller) {
            controller.enqueue(new TextEncoder().encode('data: {}\n\n'))
            await gate.passed
            controller.close()
          },
        }),
        { headers: { 'content-type': 'text/event-stream' } },
      )
    await h.close()
    h = await createHarness({
      env: { ADMIN_TOKEN: ADMIN },
      programs: { [`${SCRIPTED_AGENT_IMAGE}*`]: puppet.program },
    })
    const { body } = await h.request<{ id: string }>('/workspaces', {
      method: 'POST',
      headers: { ...headers, prefer: 'wait=20' },
      json: { name: 'talker', runtime: 'hermes', image: `${SCRIPTED_AGENT_IMAGE}:1` },
    })
    const response = await h.fetchRaw(`/workspaces/${body.id}/a2a`, {
      method: 'POST',
      headers,
      json: { ...askRegion(), method: 'message/stream' },
    })
    const reader = response.body?.getReader()
    await reader?.read()
    expect(await metrics()).toMatch(/^molecule_a2a_in_flight 1\n[^]*^molecule_a2a_streams 1$/m)
    gate.open()
    while ((await reader?.read())?.done === false);
    await h.untilIdle()
    expect(await metrics()).toMatch(/^molecule_a2a_in_flight 0\n[^]*^molecule_a2a_streams 0$/m)
  })

  test('are told without the database, too', async () => {
    await h.request('/workspaces', { headers })
    await h.db.execute(sql`alter table control_plane rename to nowhere`)
    const text = await metrics()
    expect(text).toContain('molecule_database_up 0\n')
    expect(text).toContain('molecule_requests_total{route="GET /workspaces",status="200"} 1\n')
  })

  test('count a Fly that refuses, and one that does not answer', async () => {
    h.emulator.faults.add({ kind: 'answer', status: 503, action: 'machine.list' })
    await h.sweep()
    expect(await metrics()).toMatch(/molecule_fly_calls_total\{action="list_machines",outcome="503"\} [1-9]/)
  })

  test('are read by every scraper: one HELP and TYPE for each, buckets that add up, nothing else', async () => {
    await h.request('/workspaces', { headers })
    await h.sweep()
    const text = await metrics()
    for (const line of text.trimEnd().split('\n')) {
      expect(line).toMatch(
        /^(# HELP \w+ .+|# TYPE \w+ (counter|gauge|histogram)|\w+(\{(\w+="[^"]*",?)+\})? [\d.e+-]+)$/,
      )
    }
    const types = text.match(/^# TYPE (\w+)/gm) ?? []
    expect(new Set(types).size).toBe(types.length)
    const buckets = [...text.matchAll(/_bucket\{route="GET \/workspaces",le="([^"]+)"\} (\d+)/g)].map(
      ([, , n]) => Number(n),
    )
    expect(buckets).toEqual(buckets.toSorted((a, b) => a - b))
    expect(buckets.at(-1)).toBe(1)
  })

  test('are for those who may read', async () => {
    expect((await h.fetchRaw('/metrics')).status).toBe(401)
    const [plane] = await h.db.select().from(schema.controlPlane)
    expect(plane?.lastSweptAt).toBeNull()
  })
})

describe('the log', () => {
  test('has a line for each request, with whose it was and what it belongs to', async () => {
    const { headers: answered } = await h.request(`/workspaces/${UNKNOWN}`, {
      headers: { ...headers, traceparent: TRACE },
    })
    const lines = (await h.logs()).filter(({ message }) => message === 'request')
    expect(lines).toContainEqual({
      level: 'info',
      message: 'request',
      fields: {
        request_id: answered.get('x-request-id'),
        method: 'GET',
        path: `/workspaces/${UNKNOWN}`,
        status: 404,
        ms: expect.any(Number),
        workspace_id: UNKNOWN,
        traceparent: TRACE,
      },
    })
  })

  test("names Fly's own id of each call, and of one that was refused the workspace too", async () => {
    h.emulator.faults.add({
      kind: 'answer',
      status: 403,
      action: 'machine.create',
      body: 'over the allowed quota',
    })
    const { body } = await h.request<{ id: string }>('/workspaces', {
      method: 'POST',
      headers: { ...headers, prefer: 'wait=20' },
      json: { name: 'refused', runtime: 'hermes' },
    })
    const lines = await h.logs()
    const refused = lines.find(({ message }) => message === 'the provider refused a step')
    const id = refused?.fields['fly_request_id']
    expect(refused?.fields).toMatchObject({ workspace_id: body.id, fly_request_id: expect.any(String) })
    expect(lines).toContainEqual(
      expect.objectContaining({
        message: 'fly',
        fields: expect.objectContaining({
          action: 'create_machine',
          app: 'test-app',
          fly_request_id: id,
        }) as unknown,
      }),
    )
  })

  test('says why a message found no answer', async () => {
    const { body } = await h.request<{ id: string }>('/workspaces', {
      method: 'POST',
      headers: { ...headers, prefer: 'wait=20' },
      json: { name: 'deaf', runtime: 'hermes' },
    })
    h.emulator.faults.add({ kind: 'port-closed' })
    const failed = await h.request(`/workspaces/${body.id}/a2a`, {
      method: 'POST',
      headers: { ...headers, traceparent: TRACE, prefer: 'wait=0' },
      json: askRegion(),
    })
    const line = (await h.logs()).find(({ message }) => message === 'an A2A request got no answer')
    expect(line?.fields).toMatchObject({
      request_id: failed.headers.get('x-request-id'),
      workspace_id: body.id,
      reason: expect.stringMatching(/^(AGENT|WORKSPACE)_/),
      delivered: expect.stringMatching(/^(no|unknown)$/),
      traceparent: TRACE,
    })
  })
})
