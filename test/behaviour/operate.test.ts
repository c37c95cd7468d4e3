// What an operator looks at: whether this server can work, and its numbers.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sql } from 'drizzle-orm'
import * as schema from '../../drizzle/schema.ts'
import { askRegion, createHarness, type Harness } from '../support/harness.ts'

const ADMIN = 'an-operator-who-looks'
const headers = { authorization: `Bearer ${ADMIN}` }

let h: Harness
beforeEach(async () => {
  h = await createHarness({ env: { ADMIN_TOKEN: ADMIN } })
})
afterEach(() => h.close())

type Ready = { status: string; checks: Record<string, { ok: boolean; detail: string }> }
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
    expect(text).toContain('molecule_requests_total{door="POST /workspaces",status="201"} 1\n')
    expect(text).toContain('molecule_requests_total{door="A2A",status="200"} 1\n')
    expect(text).toContain('molecule_requests_total{door="none",status="404"} 1\n')
    expect(text).toContain('molecule_request_seconds_count{door="A2A"} 1\n')
    expect(text).toContain('molecule_fly_calls_total{action="create_machine",outcome="ok"} 1\n')
    expect(text).toContain('molecule_workspaces{status="ready"} 1\n')
    expect(text).toContain('molecule_sweeps_total{outcome="ok"} 1\n')
    expect(text).toMatch(/^molecule_sweep_age_seconds \d+$/m)
    expect(text).not.toContain(body.id)
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
    const buckets = [...text.matchAll(/_bucket\{door="GET \/workspaces",le="([^"]+)"\} (\d+)/g)].map(
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
