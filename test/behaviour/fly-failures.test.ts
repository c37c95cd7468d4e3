// Failures of Fly: lost responses, no capacity, outages, changes by others. Each ends in exactly one machine or none, and in a status
// that gives the reason.
import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { workspaces } from '../../drizzle/schema/index.ts'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { sampleAgent } from '../../lib/emulator/sample-agent/sample-agent.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { workspaceSteps } from '../support/workspace-steps.ts'

const crashing: Program = async () => 3
const deaf: Program = async (machine) =>
  new Promise((resolve) => machine.stopping.addEventListener('abort', () => resolve(0)))

/** Ignores the signal to stop. */
const stubborn: Program = (machine) => sampleAgent({ ...machine, stopping: new AbortController().signal })

let h: Harness
beforeEach(async () => {
  h = await createHarness({
    programs: {
      'ghcr.io/molecule-ai/crashing': crashing,
      'ghcr.io/molecule-ai/deaf': deaf,
      'ghcr.io/molecule-ai/stubborn': stubborn,
    },
    env: { ALLOWED_IMAGE_REGISTRIES: 'ghcr.io/molecule-ai,docker.io' },
  })
})
afterEach(() => h.close())

const { create, read, until, untilGone } = workspaceSteps(() => h)

describe('creating a machine', () => {
  test('a created machine is found and adopted when the response of Fly is lost', async () => {
    h.emulator.faults.add({ kind: 'lose-reply', action: 'machine.create', times: 1 })
    const id = await create()
    await until(id, 'ready')
    expect(h.emulator.machines()).toHaveLength(1)
  })

  test.each([408, 500, 503, 504])(
    'a created machine is found and adopted when Fly answers %i',
    async (status) => {
      h.emulator.faults.add({ kind: 'ambiguous', action: 'machine.create', status, times: 1 })
      const id = await create()
      await until(id, 'ready')
      expect(h.emulator.machines()).toHaveLength(1)
    },
  )

  test('a created machine is adopted by its name when the response is lost and lists are stale', async () => {
    h.emulator.faults.add({ kind: 'lose-reply', action: 'machine.create', times: 1 })
    h.emulator.faults.add({ kind: 'stale-list', ms: 60_000 })
    const id = await create()
    await until(id, 'ready')
    expect(h.emulator.machines()).toHaveLength(1)
  })

  test('a created machine is destroyed when the response is lost and the workspace is removed meanwhile', async () => {
    h.emulator.faults.add({ kind: 'lose-reply', action: 'machine.create', times: 1 })
    h.emulator.faults.add({ kind: 'stale-list', ms: 20_000 })
    const id = await create()
    while (h.emulator.machines().length === 0) await delay(5)
    await h.request(`/workspaces/${id}`, { method: 'DELETE' })
    await untilGone()
    for (let sweeps = 0; sweeps < 30; sweeps++) {
      h.advance(5_000)
      await h.sweep()
    }
    expect(h.emulator.machines()).toHaveLength(1)
    expect(await read(id)).toMatchObject({ status: 'removed', machine_id: null })
  })

  test('a create without capacity is retried, and the workspace shows the reason meanwhile', async () => {
    const full = h.emulator.faults.add({ kind: 'capacity', region: 'ord' })
    const id = await create()
    expect(await read(id)).toMatchObject({ status: 'provisioning' })
    await expect
      .poll(async () => (await read(id))['reason'])
      .toMatchObject({ code: 'no_capacity', hint: expect.stringMatching(/region/) })
    h.emulator.faults.remove(full)
    expect(await until(id, 'ready')).toMatchObject({ reason: null })
    expect(h.emulator.machines()).toHaveLength(1)
  })

  test("a create over the quota of the organization fails at once, with the cause and Fly's request id", async () => {
    h.emulator.faults.add({ kind: 'capacity', as: 'quota' })
    const row = await until(await create(), 'failed')
    expect(row['reason']).toMatchObject({
      code: 'quota',
      provider: { status: 403, text: expect.stringMatching(/./), request_id: expect.any(String) },
    })
    expect(h.emulator.machines()).toEqual([])
  })

  test('a create with a token that Fly refuses fails and names the setting', async () => {
    h.emulator.faults.add({
      kind: 'answer',
      action: 'machine.create',
      status: 401,
      body: 'Authenticate: token validation error',
    })
    const row = await until(await create(), 'failed')
    expect(row['reason']).toMatchObject({
      code: 'unauthorized',
      message: expect.stringContaining('FLY_API_TOKEN'),
    })
  })

  test('a create waits while Fly is down and continues afterwards', async () => {
    const down = h.emulator.faults.add({ kind: 'answer', status: 503 })
    const id = await create()
    await Promise.race([h.untilIdle(), delay(300)])
    expect(await read(id)).toMatchObject({ status: 'provisioning' })
    h.emulator.faults.remove(down)
    await until(id, 'ready')
    expect(h.emulator.machines()).toHaveLength(1)
  })
})

describe('changes outside of the control plane', () => {
  test('a machine that was stopped by hand is started again where on_outside_stop is restart', async () => {
    const { id, machine_id } = await h.createWorkspace({ on_outside_stop: 'restart' })
    await h.untilIdle()
    await h.fly('POST', `/${String(machine_id)}/stop`, {})
    await h.fly('GET', `/${String(machine_id)}/wait?state=stopped`)
    const summary = await h.sweep({ patienceMs: 0 })
    expect(summary.drifted).toBe(1)
    expect(await until(id, 'ready')).toMatchObject({ machine_id, machine_state: 'started' })
  })

  test('a machine that was destroyed by hand is replaced by one new machine', async () => {
    const { id, machine_id } = await h.createWorkspace()
    await h.fly('DELETE', `/${String(machine_id)}?force=true`)
    await h.fly('GET', `/${String(machine_id)}/wait?state=destroyed`)
    await h.sweep()
    const row = await until(id, 'ready')
    expect(row['machine_id']).not.toBe(machine_id)
    expect(row['generation']).toBe(2)
    expect(h.livingMachines()).toHaveLength(1)
  })

  test('a host that does not respond makes its workspace offline within two minutes, and never destroys its machine', async () => {
    const { id, machine_id } = await h.createWorkspace()
    const fault = h.emulator.faults.add({ kind: 'host-unreachable', machine: String(machine_id) })
    for (let sweeps = 0; sweeps < 4; sweeps++) {
      h.advance(30_000)
      await h.sweep()
    }
    expect(await read(id)).toMatchObject({
      status: 'offline',
      machine_id,
      reason: { code: 'host_unreachable' },
      deadline_at: null,
    })
    const { body: explained } = await h.request(`/workspaces/${id}/explain`)
    expect(explained).toMatchObject({ machine: { host: 'unreachable' }, next: { step: 'wait' } })
    const { body: fleet } = await h.request<{ machines: Json[] }>('/fleet')
    expect(fleet.machines.find((machine) => machine['machine_id'] === machine_id)).toMatchObject({
      kind: 'drifted',
      drift: [{ field: 'host', actual: 'unreachable' }],
    })
    for (let sweeps = 0; sweeps < 20; sweeps++) {
      h.advance(10 * 60_000)
      await h.sweep()
    }
    expect(await read(id)).toMatchObject({ status: 'offline', machine_id })
    h.emulator.faults.remove(fault)
    expect(await until(id, 'ready')).toMatchObject({ machine_id, reason: null })
    expect(h.livingMachines()).toHaveLength(1)
  })

  test('a Fly API that returns only errors changes nothing', async () => {
    const { id, machine_id } = await h.createWorkspace()
    h.emulator.faults.add({ kind: 'answer', status: 404, body: 'app not found' })
    h.advance(60_000)
    await h.sweep({ patienceMs: 0 })
    expect(await read(id)).toMatchObject({ status: 'ready', machine_id })
  })

  test('a foreign machine of the same name is neither adopted nor changed', async () => {
    const id = await create({ image: 'ghcr.io/molecule-ai/deaf' })
    while (h.livingMachines().length === 0) await delay(10)
    const machine = await h.machineOf(id)
    await h.fly('DELETE', `/${machine.id}?force=true`)
    await h.fly('GET', `/${machine.id}/wait?state=destroyed`)
    await h.fly('POST', '', {
      name: `ws-${id}`,
      region: 'ord',
      config: { image: 'ghcr.io/molecule-ai/deaf' },
    })
    const row = await until(id, 'failed')
    expect(row['reason']).toMatchObject({ code: 'name_taken' })
    for (let sweeps = 0; sweeps < 20; sweeps++) {
      h.advance(10_000)
      await h.sweep()
    }
    expect(h.livingMachines()).toHaveLength(1)
  })
})

describe('concurrency', () => {
  test('many concurrent sweeps of one workspace create one machine', async () => {
    const id = await create()
    await Promise.all(Array.from({ length: 8 }, () => h.sweep({ patienceMs: 2_000 })))
    await until(id, 'ready')
    expect(h.emulator.machines()).toHaveLength(1)
  })

  test('a crash of the process that holds the lease delays a workspace and does not block it', async () => {
    h.emulator.faults.add({ kind: 'answer', action: 'machine.create', status: 503, times: 1 })
    const id = await create()
    h.advance(120_000)
    await until(id, 'ready')
    expect(h.emulator.machines()).toHaveLength(1)
  })

  test('a late refusal of a create does not hide the machine that another process has made meanwhile', async () => {
    const send = h.emulator.api.fetch
    const late = Promise.withResolvers<void>()
    const spy = vi.spyOn(h.emulator.api, 'fetch').mockImplementation(async (request) => {
      const isCreate = request.method === 'POST' && request.url.endsWith('/machines')
      if (!isCreate || spy.mock.calls.filter(([{ url }]) => url === request.url).length > 1)
        return send(request)
      await late.promise
      return Response.json({ error: 'invalid_argument: refused' }, { status: 400 })
    })
    const id = await create()
    await expect
      .poll(() => h.outgoing.some(({ url, method }) => method === 'POST' && url.endsWith('/machines')))
      .toBe(true)
    await h.db.update(workspaces).set({ leasedUntil: sql`now()` })
    const { machine_id } = await until(id, 'ready')
    late.resolve()
    await h.untilIdle()
    expect(await read(id)).toMatchObject({ status: 'ready', machine_id })
    expect(machine_id).toEqual(expect.any(String))
  })

  test('removing workspaces during provisioning leaves no machine', async () => {
    const ids = await Promise.all(Array.from({ length: 6 }, () => create()))
    await Promise.all(
      ids.map((id, index) =>
        delay(index * 8).then(() => h.request(`/workspaces/${id}`, { method: 'DELETE' })),
      ),
    )
    await h.untilIdle()
    await untilGone()
  })

  test('overlapping restarts end in one machine of the newest generation', async () => {
    const { id } = await h.createWorkspace()
    await Promise.all(
      Array.from({ length: 5 }, () => h.request(`/workspaces/${id}/restart`, { method: 'POST' })),
    )
    const row = await until(id, 'ready')
    expect(row['generation']).toBe(6)
    expect((await h.machineOf(id)).config.metadata['generation']).toBe('6')
  })
})

test('a machine that stays between two states makes its workspace offline, and fails it at the deadline', async () => {
  const { id, machine_id } = await h.createWorkspace({ image: 'ghcr.io/molecule-ai/stubborn' })
  const read = async () => (await h.request(`/workspaces/${id}`)).body
  await h.untilIdle()
  await h.fly('POST', `/${String(machine_id)}/stop`, { timeout: '300s' })
  const pass = async (minutes: number) => {
    for (let minute = 0; minute < minutes; minute++) {
      h.advance(60_000)
      await h.sweep()
    }
  }
  await pass(3)
  expect(await read()).toMatchObject({ status: 'ready', machine_state: 'stopping' })
  await pass(5)
  expect(await read()).toMatchObject({ status: 'offline', reason: { code: 'machine_stuck' } })
  await pass(30)
  expect(await read()).toMatchObject({ status: 'failed', reason: { code: 'machine_stuck' } })
})
