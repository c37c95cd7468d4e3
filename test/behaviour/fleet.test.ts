// The fleet at Fly: orphans, missing machines, cost, the pace of launches, full regions, and what a sweep costs.
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type HarnessOptions, type Json } from '../support/harness.ts'
import { testInProcess } from '../support/control-plane.ts'

let h: Harness
const open = async (options: HarnessOptions = {}) => (h = await createHarness(options))
afterEach(() => h.close())

const create = async (input: Json = {}) =>
  (await h.request<{ id: string }>('/workspaces', { method: 'POST', json: { name: 'x', tier: 2, ...input } }))
    .body.id
const statuses = async () => (await h.request<Json[]>('/workspaces')).body.map(({ status }) => status)

async function sweepUntil(done: () => boolean | Promise<boolean>, stepMs = 1_000): Promise<void> {
  for (let sweeps = 0; sweeps < 400; sweeps++) {
    await Promise.race([h.untilIdle(), delay(30)])
    if (await done()) return
    h.advance(stepMs)
    await h.sweep({ patienceMs: 300 })
  }
  throw new Error(`the condition never held: ${JSON.stringify(await statuses())}`)
}

test('the price of a tier and of a disk is what /fleet counts for a workspace of that size', async () => {
  await open()
  await h.createWorkspace({ tier: 2, disk_gb: 3 })
  const { body: fleet } = await h.request<{ machines: Json[]; disks: Json[] }>('/fleet')
  const { body: prices } = await h.request<{ tiers: Json[]; disk: Json }>('/prices')
  const [machine, disk] = [fleet.machines[0], fleet.disks[0]]
  expect(prices.tiers.map(({ tier, is_default }) => [tier, is_default])).toEqual([
    [2, false],
    [3, true],
    [4, false],
  ])
  expect(prices.tiers[0]).toEqual({
    tier: 2,
    cpus: 1,
    memory_mb: 512,
    is_default: false,
    running_usd_per_month: machine?.['usd_per_month'],
    stopped_usd_per_month: 0.15,
  })
  expect(prices.disk).toEqual({ default_gb: 1, usd_per_gb_month: 0.15 })
  expect(disk?.['usd_per_month']).toBeCloseTo(3 * 0.15)
})

describe('orphans', () => {
  const stray = (metadata: Json) =>
    h.fly<{ id: string }>('POST', '', {
      name: `stray-${crypto.randomUUID()}`,
      region: 'ord',
      config: { image: 'ghcr.io/molecule-ai/workspace-hermes', metadata },
    })

  test('an orphan is destroyed after two sightings and the grace period, and foreign machines are not touched', async () => {
    await open()
    const { id } = await h.createWorkspace()
    const ours = (await h.machineOf(id)).config.metadata
    const orphan = await stray({ ...ours, workspace_id: crypto.randomUUID() })
    const foreign = await stray({ control_plane: crypto.randomUUID() })
    const bare = await stray({})
    const living = () => h.livingMachines().map((machine) => machine.id)

    const { body } = await h.request<{ machines: Json[]; totals: Json }>('/fleet')
    const kinds = Object.fromEntries(body.machines.map(({ machine_id, kind }) => [machine_id, kind]))
    expect(kinds).toMatchObject({ [orphan.id]: 'orphan', [foreign.id]: 'foreign', [bare.id]: 'foreign' })
    expect(body.totals).toMatchObject({
      owned: { machines: 1, usd_per_month: 3.69 },
      orphan: { machines: 1 },
      foreign: { machines: 2 },
    })

    for (let sweeps = 0; sweeps < 3; sweeps++) await h.sweep()
    expect(living()).toContain(orphan.id)
    h.advance(11 * 60_000)
    expect((await h.sweep()).orphans).toBe(1)
    await h.fly('GET', `/${orphan.id}/wait?state=destroyed`)
    expect(living()).not.toContain(orphan.id)
    for (let sweeps = 0; sweeps < 3; sweeps++) {
      h.advance(11 * 60_000)
      expect((await h.sweep()).orphans).toBe(0)
    }
    expect(living()).toEqual(expect.arrayContaining([foreign.id, bare.id]))
    expect((await h.request(`/workspaces/${id}`)).body['status']).toBe('ready')
  })

  test('orphans are destroyed ten per sweep', async () => {
    await open()
    const { id } = await h.createWorkspace()
    const ours = (await h.machineOf(id)).config.metadata
    for (let n = 0; n < 14; n++) await stray({ ...ours, workspace_id: crypto.randomUUID() })
    await h.sweep()
    h.advance(11 * 60_000)
    expect((await h.sweep()).orphans).toBe(10)
    expect((await h.sweep()).orphans).toBe(4)
  })

  test('an orphan that cannot be destroyed stays listed and is marked needs_human', async () => {
    await open({ env: { ORPHAN_GRACE_SECONDS: '0' } })
    const { id } = await h.createWorkspace()
    const ours = (await h.machineOf(id)).config.metadata
    const orphan = await stray({ ...ours, workspace_id: crypto.randomUUID() })
    h.emulator.faults.add({ kind: 'answer', action: 'machine.delete', status: 500 })
    for (let sweeps = 0; sweeps < 24; sweeps++) {
      h.advance(24 * 60_000)
      await h.sweep()
    }
    const { body } = await h.request<{ machines: Json[] }>('/fleet')
    expect(body.machines.find(({ machine_id }) => machine_id === orphan.id)).toMatchObject({
      kind: 'orphan',
      needs_human: true,
    })
  })
})

test('a removed workspace whose machine cannot be destroyed is retried less and less often and marked needs_human', async () => {
  await open()
  const { id, machine_id } = await h.createWorkspace()
  const fault = h.emulator.faults.add({ kind: 'answer', action: 'machine.delete', status: 500 })
  await h.request(`/workspaces/${id}`, { method: 'DELETE' })
  for (let sweeps = 0; sweeps < 12; sweeps++) {
    await Promise.race([h.untilIdle(), delay(50)])
    h.advance(10 * 60_000)
    await h.sweep()
  }
  const { body } = await h.request<{ machines: Json[] }>('/fleet')
  expect(body.machines).toMatchObject([{ machine_id, kind: 'drifted', status: 'removed', needs_human: true }])
  expect((await h.request(`/workspaces/${id}/explain`)).body).toMatchObject({
    next: { step: 'destroy' },
    last_failure: { code: 'provider_unreachable' },
  })
  h.emulator.faults.remove(fault)
  await sweepUntil(() => h.livingMachines().length === 0, 600_000)
})

test('a machine that Fly does not list is missing, and an app that does not respond is unknown', async () => {
  await open()
  const { machine_id } = await h.createWorkspace()
  await h.untilIdle() // otherwise work that still follows the new machine sees that it is gone
  await h.fly('DELETE', `/${String(machine_id)}?force=true`)
  await h.fly('GET', `/${String(machine_id)}/wait?state=destroyed`)
  expect((await h.request('/fleet')).body).toMatchObject({
    machines: [{ machine_id, kind: 'missing' }],
    unknown_apps: [],
  })
  h.emulator.faults.add({ kind: 'answer', action: 'machine.list', status: 503 })
  expect((await h.request('/fleet')).body).toMatchObject({ machines: [], unknown_apps: ['test-app'] })
})

describe('many launches', () => {
  test('many workspaces are launched at the rate that Fly allows, and all become ready', async () => {
    await open({
      launchRate: { perSecond: 1, burst: 2 },
      emulator: { rateLimits: true },
      // Less than all launches take.
      env: { PROVISION_TIMEOUT_SECONDS: '25' },
    })
    const ids = await Promise.all(Array.from({ length: 30 }, () => create()))
    // In small steps: a busy computer needs real time for each launch.
    await sweepUntil(async () => (await statuses()).every((status) => status === 'ready'), 250)
    expect(h.emulator.machines()).toHaveLength(30)
    expect(new Set(ids).size).toBe(30)
    // Without pacing, Fly would refuse most creates. A few are refused with it too, because the clock moves faster than requests.
    const calls = h.outgoing.filter(({ method, url }) => method === 'POST' && url.endsWith('/machines'))
    expect(calls.length).toBeLessThanOrEqual(60)
  })

  test('launches do not wait for a time that a wrong clock has stored', async () => {
    await open({ launchRate: { perSecond: 1, burst: 2 }, env: { PROVISION_TIMEOUT_SECONDS: '15' } })
    h.advance(300_000)
    await h.createWorkspace()
    await h.untilIdle()
    h.advance(-300_000)
    expect(await h.createWorkspace()).toMatchObject({ status: 'ready' })
  })

  test('a workspace that waits for its launch says so', async () => {
    await open({ launchRate: { perSecond: 0.01, burst: 1 } })
    await create()
    await h.untilIdle()
    const id = await create()
    await Promise.race([h.untilIdle(), delay(300)])
    const { body } = await h.request(`/workspaces/${id}/explain`)
    expect(body).toMatchObject({ status: 'provisioning', next: { step: 'create_disk' } })
    expect(body['summary']).toContain('turn')
  })

  test('workspaces are spread over the configured apps, the least loaded first', async () => {
    await open({ env: { FLY_WORKSPACE_APPS: 'second-app,third-app' } })
    h.emulator.createApp('second-app', { ips: true })
    h.emulator.createApp('third-app', { ips: true })
    for (let n = 0; n < 6; n++) await h.createWorkspace()
    const perApp = Object.groupBy(h.livingMachines(), ({ app }) => app)
    expect(Object.values(perApp).map((machines) => machines?.length)).toEqual([2, 2, 2])
    const { body } = await h.request<Json[]>('/workspaces')
    for (const row of body) await h.request(`/workspaces/${String(row['id'])}`, { method: 'DELETE' })
    await sweepUntil(() => h.livingMachines().length === 0)
  })
})

describe('regions', () => {
  test('a region without capacity is skipped by workspaces that allow another, is shown as full, and is tried again later', async () => {
    await open()
    const full = h.emulator.faults.add({ kind: 'capacity', region: 'ord' })
    const flexible = await create({ regions: ['ord', 'fra'] })
    await sweepUntil(async () => (await h.request(`/workspaces/${flexible}`)).body['status'] === 'ready')
    expect((await h.request(`/workspaces/${flexible}`)).body).toMatchObject({
      machine_region: 'fra',
      regions: ['ord', 'fra'],
    })
    const regions = async () =>
      Object.fromEntries((await h.request<Json[]>('/regions')).body.map((row) => [row['region'], row]))
    expect(await regions()).toMatchObject({
      ord: { state: 'full', last_failure: { code: 'no_capacity' } },
      fra: { state: 'open' },
      ams: { state: 'untried' },
    })

    const before = h.outgoing.length
    await create({ regions: ['ord', 'fra'] })
    await h.untilIdle()
    const creates = h.outgoing
      .slice(before)
      .filter(({ method, url }) => method === 'POST' && url.endsWith('/machines'))
    expect(creates).toHaveLength(1)

    h.emulator.faults.remove(full)
    h.advance(20_000)
    expect(await regions()).toMatchObject({ ord: { state: 'trial' } })
    const { machine_region } = await h.createWorkspace({ region: 'ord' })
    expect(machine_region).toBe('ord')
    expect(await regions()).toMatchObject({ ord: { state: 'open', failures: 0 } })
  })
})

describe('silent agents', () => {
  test('an agent without heartbeats stays ready while it answers, else it goes offline, is restarted and finally fails', async () => {
    await open({ env: { PROVISION_TIMEOUT_SECONDS: '120' } })
    const { id } = await h.createWorkspace()
    const read = async () => (await h.request(`/workspaces/${id}`)).body
    h.advance(10 * 60_000)
    await h.sweep({ patienceMs: 1_000 })
    expect(await read()).toMatchObject({ status: 'ready' })
    h.emulator.faults.add({ kind: 'port-closed', app: 'test-app' })
    h.advance(10 * 60_000)
    await h.sweep({ patienceMs: 1_000 })
    expect(await read()).toMatchObject({ status: 'offline', reason: { code: 'agent_silent' } })
    await sweepUntil(async () => (await read())['status'] === 'failed', 60_000)
    expect((await read())['reason']).toMatchObject({ code: 'never_listened' })
    await sweepUntil(() => h.livingMachines()[0]?.state === 'stopped', 5_000)
    h.advance(72 * 3_600_000)
    await sweepUntil(() => h.livingMachines().length === 0, 5_000)
  })
})

testInProcess(
  'the test replaces the list of machines',
  'a sweep over a thousand workspaces at rest costs at most two calls to Fly and seven statements',
  async () => {
    await open()
    const { id } = await h.createWorkspace()
    // A thousand rows and machines that need nothing: copies of one that is ready.
    await h.db
      .execute(`insert into workspaces (id, name, runtime, tier, regions, status, status_changed_at, launch_id, app, machine_id, machine_generation, machine_state, launched_at, last_heartbeat_at, machine_seen_at, created_at, updated_at)
    select gen_random_uuid(), 'copy', runtime, tier, regions, status, status_changed_at, gen_random_uuid(), app, 'copy' || n, 1, 'started', launched_at, last_heartbeat_at, machine_seen_at, created_at, updated_at
    from workspaces, generate_series(1, 999) as n where id = '${id}'`)
    const list = h.services.provisioner.fleet.bind(h.services.provisioner)
    h.services.provisioner.fleet = async (app, plane) => [
      ...(await list(app, plane)),
      ...Array.from({ length: 999 }, (_, n) => ({
        machineId: `copy${n + 1}`,
        phase: 'started' as const,
        state: 'started',
      })),
    ]
    await h.untilIdle()
    // Retention runs in the first sweep of a process and then every ten minutes.
    await h.sweep()
    let statements = 0
    const session = (h.db as unknown as { session: { prepareQuery: (...args: unknown[]) => unknown } })
      .session
    const prepare = session.prepareQuery.bind(session)
    session.prepareQuery = (...args) => {
      statements++
      return prepare(...args)
    }
    const calls = h.outgoing.length
    const summary = await h.sweep()
    expect(summary).toEqual({ drifted: 0, orphans: 0, hibernated: 0, reconciled: 0, failed: 0 })
    expect(h.outgoing.length - calls).toBeLessThanOrEqual(2)
    expect(statements).toBeGreaterThan(2)
    expect(statements).toBeLessThanOrEqual(7)
  },
)
