// Pause, resume and hibernate: what becomes of the machine, and what keeps or wakes a workspace.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { askRegion, createHarness, type Harness, type Json } from '../support/harness.ts'

let h: Harness
beforeAll(async () => {
  h = await createHarness()
})
afterAll(() => h.close())

const command = (id: string, name: string, init: RequestInit & { json?: unknown } = {}) =>
  h.request(`/workspaces/${id}/${name}`, { method: 'POST', headers: { prefer: 'wait=20' }, ...init })
const read = async (id: string) => (await h.request(`/workspaces/${id}`)).body
const machine = (id: string) => h.livingMachines().find(({ name }) => name === `ws-${id}`)

async function expectMachine(id: string, state: string): Promise<void> {
  await h.untilIdle()
  expect((await h.machineOf(id)).state).toBe(state)
}

describe('pause and resume', () => {
  test('pause stops the machine, and resume starts the same one', async () => {
    const { id, machine_id } = await h.createWorkspace()
    const paused = await command(id, 'pause')
    expect(paused).toMatchObject({ status: 200, body: { status: 'paused', paused_count: 1 } })
    await expectMachine(id, 'stopped')
    const resumed = await command(id, 'resume')
    expect(resumed).toMatchObject({ status: 200, body: { status: 'ready', resumed_count: 1, machine_id } })
    await expectMachine(id, 'started')
  })

  test('pause and resume include descendants, and a child cannot resume before its parent', async () => {
    const parent = await h.createWorkspace({ name: 'parent' })
    const child = await h.createWorkspace({ name: 'child', parent_id: parent.id })
    expect((await command(parent.id, 'pause')).body).toMatchObject({ paused_count: 2 })
    await expectMachine(child.id, 'stopped')
    expect(await command(child.id, 'resume')).toMatchObject({
      status: 409,
      body: { error: expect.stringContaining('parent') },
    })
    expect(await command(child.id, 'restart')).toMatchObject({ status: 409 })
    expect((await command(parent.id, 'resume')).body).toMatchObject({ resumed_count: 2 })
    await h.untilIdle()
    expect(await read(child.id)).toMatchObject({ status: 'ready' })
  })

  test('a pause during provisioning leaves a stopped machine', async () => {
    const { body } = await h.request<{ id: string }>('/workspaces', { method: 'POST', json: { name: 'x' } })
    expect((await command(body.id, 'pause', { headers: {} })).status).toBe(200)
    await h.untilIdle()
    for (let sweeps = 0; sweeps < 5; sweeps++) await h.sweep({ patienceMs: 1_000 })
    expect(await read(body.id)).toMatchObject({ status: 'paused' })
    expect([undefined, 'stopped']).toContain(machine(body.id)?.state)
    expect((await command(body.id, 'resume')).body).toMatchObject({ status: 'ready' })
  })

  test('a paused workspace stays paused when a register and a heartbeat arrive late', async () => {
    const { id } = await h.createWorkspace()
    const token = await h.tokenOf(id)
    await command(id, 'pause')
    await h.untilIdle()
    for (const [route, body] of [
      ['register', { id, agent_card: { name: 'late' } }],
      ['heartbeat', { workspace_id: id, active_tasks: 0 }],
    ] as const) {
      await h.request(`/registry/${route}`, {
        method: 'POST',
        json: body,
        headers: { authorization: `Bearer ${token}` },
      })
    }
    await h.untilIdle()
    await h.sweep()
    expect(await read(id)).toMatchObject({ status: 'paused' })
    await expectMachine(id, 'stopped')
  })

  test('a paused workspace stops a machine that is started by hand', async () => {
    const { id, machine_id } = await h.createWorkspace()
    await command(id, 'pause')
    await h.untilIdle()
    await h.fly('POST', `/${String(machine_id)}/start`)
    await h.fly('GET', `/${String(machine_id)}/wait?state=started`)
    await h.sweep({ patienceMs: 1_000 })
    await h.sweep({ patienceMs: 1_000 })
    await expectMachine(id, 'stopped')
  })
})

describe('hibernate', () => {
  test('hibernate suspends a machine of up to 2 GB, and a message wakes it and is answered', async () => {
    const { id, machine_id } = await h.createWorkspace({ tier: 2 })
    expect(await command(id, 'hibernate')).toMatchObject({ status: 200, body: { status: 'hibernated' } })
    await expectMachine(id, 'suspended')
    const { status, body } = await h.request<{ result: { parts: Json[] } }>(`/workspaces/${id}/a2a`, {
      method: 'POST',
      json: askRegion(),
    })
    expect(status).toBe(200)
    expect(body.result.parts).toEqual([{ kind: 'text', text: 'ord' }])
    expect(await read(id)).toMatchObject({ status: 'ready', machine_id })
  })

  test('hibernate stops a machine of more than 2 GB, and messages wake it', async () => {
    const { id } = await h.createWorkspace({ tier: 4 })
    await command(id, 'hibernate')
    await expectMachine(id, 'stopped')
    const answers = await Promise.all(
      [1, 2, 3].map((n) => h.request(`/workspaces/${id}/a2a`, { method: 'POST', json: askRegion(n) })),
    )
    expect(answers.map(({ status, body }) => [status, body['id']])).toEqual([
      [200, 1],
      [200, 2],
      [200, 3],
    ])
  })

  test.each([400, 412, 422])(
    'the machine that Fly refuses to suspend with %i is stopped, and does not run on',
    async (status) => {
      const { id } = await h.createWorkspace()
      const fault = h.emulator.faults.add({ kind: 'answer', action: 'machine.suspend', status })
      await command(id, 'hibernate')
      await expectMachine(id, 'stopped')
      h.emulator.faults.remove(fault)
      expect((await command(id, 'resume')).body).toMatchObject({ status: 'ready' })
    },
  )

  test('the machine that Fly accepts to suspend and does not is stopped, after a few requests', async () => {
    const { id } = await h.createWorkspace()
    const fault = h.emulator.faults.add({ kind: 'answer', action: 'machine.suspend', status: 200 })
    const asked = () => h.outgoing.filter(({ url }) => url.endsWith('/suspend')).length
    const before = asked()
    await command(id, 'hibernate', { headers: {} })
    await expect
      .poll(async () => {
        h.advance(60_000)
        await h.sweep()
        return (await h.machineOf(id)).state
      })
      .toBe('stopped')
    h.emulator.faults.remove(fault)
    expect(asked() - before).toBeLessThan(10)
    expect((await command(id, 'resume')).body).toMatchObject({ status: 'ready' })
  })

  test('requests to stop that have no effect are repeated at growing intervals, and the explanation says so', async () => {
    const { id } = await h.createWorkspace()
    const fault = h.emulator.faults.add({ kind: 'answer', action: 'machine.stop', status: 200 })
    const asked = () => h.outgoing.filter(({ url }) => url.endsWith('/stop')).length
    const before = asked()
    await command(id, 'pause', { headers: {} })
    for (let minutes = 0; minutes < 30; minutes++) {
      h.advance(60_000)
      await h.sweep()
    }
    expect(asked() - before).toBeGreaterThan(5)
    expect(asked() - before).toBeLessThan(20)
    expect((await h.request(`/workspaces/${id}/explain`)).body).toMatchObject({
      last_failure: { code: 'still_running', message: expect.stringContaining('still runs') },
    })
    h.emulator.faults.remove(fault)
    h.advance(300_000)
    await h.sweep({ patienceMs: 1_000 })
    await expectMachine(id, 'stopped')
  })

  test('hibernate is refused while the agent has active tasks, unless it is forced', async () => {
    const { id } = await h.createWorkspace()
    const token = await h.tokenOf(id)
    await h.request('/registry/heartbeat', {
      method: 'POST',
      json: { workspace_id: id, active_tasks: 1 },
      headers: { authorization: `Bearer ${token}` },
    })
    expect(await command(id, 'hibernate')).toMatchObject({ status: 409, body: { active_tasks: 1 } })
    expect(await command(id, 'hibernate?force=true')).toMatchObject({
      status: 200,
      body: { status: 'hibernated' },
    })
  })

  test('a workspace hibernates after idle_minutes without messages, and sweeps do not wake it', async () => {
    const separate = await createHarness()
    try {
      const { id } = await separate.createWorkspace({ idle_minutes: 5 })
      const status = async () => (await separate.request(`/workspaces/${id}`)).body['status']
      separate.advance(4 * 60_000)
      await separate.sweep()
      expect(await status()).toBe('ready')
      await separate.request(`/workspaces/${id}/a2a`, { method: 'POST', json: askRegion() })
      separate.advance(4 * 60_000)
      await separate.sweep()
      expect(await status()).toBe('ready')
      separate.advance(2 * 60_000)
      expect((await separate.sweep({ patienceMs: 1_000 })).hibernated).toBe(1)
      expect(await status()).toBe('hibernated')
      const seen = separate.outgoing.length
      for (let sweeps = 0; sweeps < 3; sweeps++) {
        separate.advance(60 * 60_000)
        await separate.sweep({ patienceMs: 1_000 })
      }
      expect((await separate.machineOf(id)).state).toBe('suspended')
      expect(
        separate.outgoing.slice(seen).filter(({ url }) => url.startsWith('http://fly-proxy.test')),
      ).toEqual([])
    } finally {
      await separate.close()
    }
  })
})

test('the tasks of an agent whose heartbeats have ended keep a workspace awake for AGENT_BUSY_SECONDS only', async () => {
  const separate = await createHarness({ env: { AGENT_BUSY_SECONDS: '1800' } })
  try {
    const { id } = await separate.createWorkspace({ idle_minutes: 5 })
    const beat = async (active_tasks: number) =>
      separate.request('/registry/heartbeat', {
        method: 'POST',
        json: { workspace_id: id, active_tasks },
        headers: { authorization: `Bearer ${await separate.tokenOf(id)}` },
      })
    await beat(2)
    separate.advance(20 * 60_000)
    expect((await separate.sweep({ patienceMs: 1_000 })).hibernated).toBe(0)
    separate.advance(20 * 60_000)
    expect((await separate.sweep({ patienceMs: 1_000 })).hibernated).toBe(1)
  } finally {
    await separate.close()
  }
})

describe('messages in flight', () => {
  test('a message in flight keeps a workspace awake until it is answered', async () => {
    let answer: (text: string) => void = () => {}
    const slow: Program = async (machine) => {
      await machine.listen(8000, (request) => {
        if (request.method === 'GET') return Response.json({ name: 'slow' })
        return new Promise(
          (resolve) => (answer = (text) => resolve(Response.json({ jsonrpc: '2.0', id: 1, result: text }))),
        )
      })
      return new Promise((resolve) => machine.stopping.addEventListener('abort', () => resolve(0)))
    }
    const separate = await createHarness({ programs: { 'ghcr.io/molecule-ai/slow': slow } })
    try {
      const { id } = await separate.createWorkspace({ idle_minutes: 5, image: 'ghcr.io/molecule-ai/slow' })
      const answered = separate.request(`/workspaces/${id}/a2a`, { method: 'POST', json: askRegion() })
      for (let minutes = 0; minutes < 12; minutes += 4) {
        separate.advance(4 * 60_000)
        await delay(1_200)
        expect((await separate.sweep()).hibernated).toBe(0)
      }
      answer('at last')
      expect((await answered).body).toMatchObject({ result: 'at last' })
      separate.advance(6 * 60_000)
      expect((await separate.sweep({ patienceMs: 1_000 })).hibernated).toBe(1)
    } finally {
      await separate.close()
    }
  })
})
