// What an operator reads: readiness, metrics and the log.
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
  test('/readyz is 200 without a token when everything works', async () => {
    await h.sweep()
    const { body, status } = await ready()
    expect(status).toBe(200)
    expect(body.status).toBe('ok')
    expect(Object.entries(body.checks).map(([name, { ok }]) => [name, ok])).toEqual([
      ['database', true],
      ['migrations', true],
      ['provider', true],
      ['sweep', true],
    ])
  })

  test("/readyz fails when Fly refuses the token, without Fly's words, and asks Fly once in 30 s", async () => {
    h.emulator.faults.add({ kind: 'answer', status: 401, action: 'app.get' })
    for (let times = 0; times < 5; times++) {
      expect(await ready()).toMatchObject({
        status: 503,
        body: { status: 'failing', checks: { provider: { ok: false } } },
      })
    }
    expect(h.outgoing.filter(({ url }) => url.endsWith('/apps/test-app'))).toHaveLength(1)
    expect((await h.logs()).some(({ message }) => message === 'not ready')).toBe(true)
    h.emulator.faults.clear()
    h.advance(31_000)
    expect((await ready()).body.checks['provider']).toMatchObject({ ok: true })
  })

  test('/readyz fails after three intervals without a sweep', async () => {
    await h.sweep()
    h.advance(14_000)
    expect((await ready()).status).toBe(200)
    h.advance(3_000)
    expect(await ready()).toMatchObject({ status: 503, body: { checks: { sweep: { ok: false } } } })
    await h.sweep()
    expect((await ready()).status).toBe(200)
  })

  test('/readyz fails without any sweep, once there has been work for three intervals', async () => {
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

  test('/readyz fails when migrations are missing, and says how to apply them', async () => {
    await h.db.execute(sql`delete from drizzle.__drizzle_migrations where id > 1`)
    expect(await ready()).toMatchObject({
      status: 503,
      body: { checks: { migrations: { ok: false, detail: expect.stringContaining('npm run db:migrate') } } },
    })
  })
})

describe('/metrics', () => {
  const metrics = async () => (await h.fetchRaw('/metrics', { headers })).text()

  test('the metrics count requests by route and never by id', async () => {
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
    expect(text).toContain('molecule_provider_calls_total{action="create_machine",outcome="ok"} 1\n')
    expect(text).toContain('molecule_workspaces{status="ready"} 1\n')
    expect(text).toContain('molecule_disks{state="ready"} 1\n')
    expect(text).toContain('molecule_sweeps_total{outcome="ok"} 1\n')
    expect(text).toMatch(/^molecule_sweep_age_seconds \d+$/m)
    expect(text).not.toContain(body.id)
  })

  test('the metrics contain the age and the interval of the sweep, for alerts', async () => {
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
    // Work that still runs may set the due time again.
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

  test('the metrics count streams while they are open', async () => {
    const gate = createGate()
    const scriptedAgent = createScriptedAgent()
    scriptedAgent.answer = () =>
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
      programs: { [`${SCRIPTED_AGENT_IMAGE}*`]: scriptedAgent.program },
    })
    const { body } = await h.request<{ id: string }>('/workspaces', {
      method: 'POST',
      headers: { ...headers, prefer: 'wait=20' },
      json: { name: 'streaming', runtime: 'hermes', image: `${SCRIPTED_AGENT_IMAGE}:1` },
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

  test('the metrics are served without the database', async () => {
    await h.request('/workspaces', { headers })
    await h.db.execute(sql`alter table control_plane rename to nowhere`)
    const text = await metrics()
    expect(text).toContain('molecule_database_up 0\n')
    expect(text).toContain('molecule_requests_total{route="GET /workspaces",status="200"} 1\n')
  })

  test('the metrics count refused calls to Fly', async () => {
    h.emulator.faults.add({ kind: 'answer', status: 503, action: 'machine.list' })
    await h.sweep()
    expect(await metrics()).toMatch(
      /molecule_provider_calls_total\{action="list_machines",outcome="503"\} [1-9]/,
    )
  })

  test('the metrics follow the text format: one HELP and TYPE each, and cumulative buckets', async () => {
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

  test('the metrics require a token that may read', async () => {
    expect((await h.fetchRaw('/metrics')).status).toBe(401)
    const [plane] = await h.db.select().from(schema.controlPlane)
    expect(plane?.lastSweptAt).toBeNull()
  })
})

describe('the log', () => {
  test('the log has a line for each request with its id, workspace and trace', async () => {
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

  test("the log has Fly's request id of each call, and the workspace of a refused one", async () => {
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
    const id = refused?.fields['provider_request_id']
    expect(refused?.fields).toMatchObject({ workspace_id: body.id, provider_request_id: expect.any(String) })
    expect(lines).toContainEqual(
      expect.objectContaining({
        message: 'fly',
        fields: expect.objectContaining({
          action: 'create_machine',
          app: 'test-app',
          provider_request_id: id,
        }) as unknown,
      }),
    )
  })

  test('the log has the reason why a message was not answered', async () => {
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
