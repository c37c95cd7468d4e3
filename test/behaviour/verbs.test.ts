// Everything that can be asked of a workspace, from every status in which it makes sense, and the refusal where it does not.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { askRegion, createHarness, type Harness, type Json } from '../support/harness.ts'

let h: Harness
beforeAll(async () => {
  h = await createHarness()
})
afterAll(() => h.close())

const verb = (id: string, name: string, init: RequestInit & { json?: unknown } = {}) =>
  h.request(`/workspaces/${id}/${name}`, { method: 'POST', headers: { prefer: 'wait=20' }, ...init })
const read = async (id: string) => (await h.request(`/workspaces/${id}`)).body
const machine = (id: string) => h.livingMachines().find(({ name }) => name === `ws-${id}`)

async function settle(id: string, state: string): Promise<void> {
  await h.untilIdle()
  expect((await h.machineOf(id)).state).toBe(state)
}

describe('pause and resume', () => {
  test('stop the machine and start the same one again', async () => {
    const { id, machine_id } = await h.createWorkspace()
    const paused = await verb(id, 'pause')
    expect(paused).toMatchObject({ status: 200, body: { status: 'paused', paused_count: 1 } })
    await settle(id, 'stopped')
    const resumed = await verb(id, 'resume')
    expect(resumed).toMatchObject({ status: 200, body: { status: 'ready', resumed_count: 1, machine_id } })
    await settle(id, 'started')
  })

  test('take descendants along, and a child waits for its parent', async () => {
    const parent = await h.createWorkspace({ name: 'parent' })
    const child = await h.createWorkspace({ name: 'child', parent_id: parent.id })
    expect((await verb(parent.id, 'pause')).body).toMatchObject({ paused_count: 2 })
    await settle(child.id, 'stopped')
    expect(await verb(child.id, 'resume')).toMatchObject({
      status: 409,
      body: { error: expect.stringContaining('parent') },
    })
    expect(await verb(child.id, 'restart')).toMatchObject({ status: 409 })
    expect((await verb(parent.id, 'resume')).body).toMatchObject({ resumed_count: 2 })
    await h.untilIdle()
    expect(await read(child.id)).toMatchObject({ status: 'ready' })
  })

  test('during provisioning leave a stopped machine, not a running one', async () => {
    const { body } = await h.request<{ id: string }>('/workspaces', { method: 'POST', json: { name: 'x' } })
    expect((await verb(body.id, 'pause', { headers: {} })).status).toBe(200)
    await h.untilIdle()
    for (let sweeps = 0; sweeps < 5; sweeps++) await h.sweep({ patienceMs: 1_000 })
    expect(await read(body.id)).toMatchObject({ status: 'paused' })
    expect([undefined, 'stopped']).toContain(machine(body.id)?.state)
    expect((await verb(body.id, 'resume')).body).toMatchObject({ status: 'ready' })
  })

  test('hold against a register and a heartbeat that come late', async () => {
    const { id } = await h.createWorkspace()
    const token = await h.tokenOf(id)
    await verb(id, 'pause')
    await h.untilIdle()
    for (const [door, body] of [
      ['register', { id, agent_card: { name: 'late' } }],
      ['heartbeat', { workspace_id: id, active_tasks: 0 }],
    ] as const) {
      await h.request(`/registry/${door}`, {
        method: 'POST',
        json: body,
        headers: { authorization: `Bearer ${token}` },
      })
    }
    await h.untilIdle()
    await h.sweep()
    expect(await read(id)).toMatchObject({ status: 'paused' })
    await settle(id, 'stopped')
  })

  test('hold against a machine that is started by hand', async () => {
    const { id, machine_id } = await h.createWorkspace()
    await verb(id, 'pause')
    await h.untilIdle()
    await h.fly('POST', `/${String(machine_id)}/start`)
    await h.fly('GET', `/${String(machine_id)}/wait?state=started`)
    await h.sweep({ patienceMs: 1_000 })
    await h.sweep({ patienceMs: 1_000 })
    await settle(id, 'stopped')
  })
})

describe('hibernate', () => {
  test('suspends a machine of up to 2 GB, and a message wakes it and is answered, once', async () => {
    const { id, machine_id } = await h.createWorkspace({ tier: 2 })
    expect(await verb(id, 'hibernate')).toMatchObject({ status: 200, body: { status: 'hibernated' } })
    await settle(id, 'suspended')
    const { status, body } = await h.request<{ result: { parts: Json[] } }>(`/workspaces/${id}/a2a`, {
      method: 'POST',
      json: askRegion(),
    })
    expect(status).toBe(200)
    expect(body.result.parts).toEqual([{ kind: 'text', text: 'ord' }])
    expect(await read(id)).toMatchObject({ status: 'ready', machine_id })
  })

  test('stops a larger machine', async () => {
    const { id } = await h.createWorkspace({ tier: 4 })
    await verb(id, 'hibernate')
    await settle(id, 'stopped')
    const answers = await Promise.all(
      [1, 2, 3].map((n) => h.request(`/workspaces/${id}/a2a`, { method: 'POST', json: askRegion(n) })),
    )
    expect(answers.map(({ status, body }) => [status, body['id']])).toEqual([
      [200, 1],
      [200, 2],
      [200, 3],
    ])
  })

  test('waits for an agent that is at work, unless it is forced', async () => {
    const { id } = await h.createWorkspace()
    const token = await h.tokenOf(id)
    await h.request('/registry/heartbeat', {
      method: 'POST',
      json: { workspace_id: id, active_tasks: 1 },
      headers: { authorization: `Bearer ${token}` },
    })
    expect(await verb(id, 'hibernate')).toMatchObject({ status: 409, body: { active_tasks: 1 } })
    expect(await verb(id, 'hibernate?force=true')).toMatchObject({
      status: 200,
      body: { status: 'hibernated' },
    })
  })

  test('comes by itself after idle_minutes without work, never while a message is in flight, and sweeps do not wake it', async () => {
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

describe('a message in flight', () => {
  test('keeps a workspace awake for as long as it takes, and the end of it lets it sleep', async () => {
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
        await new Promise((done) => setTimeout(done, 1_200))
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

describe('changing', () => {
  test('says what needs a restart, and the next restart applies it', async () => {
    const { id } = await h.createWorkspace({ env: { A: '1' } })
    const patch = (json: unknown) => h.request(`/workspaces/${id}`, { method: 'PATCH', json })
    expect(await patch({ env: { A: '2' }, tier: 3 })).toMatchObject({
      status: 200,
      body: { status: 'updated', needs_restart: true, workspace: { tier: 3, name: 'test' } },
    })
    expect((await h.machineOf(id)).config.env['A']).toBe('1')
    expect((await verb(id, 'restart')).body).toMatchObject({ status: 'ready', needs_restart: false })
    expect((await h.machineOf(id)).config).toMatchObject({ env: { A: '2' }, guest: { memory_mb: 2048 } })
    expect((await patch({ tier: 3 })).body).toMatchObject({ needs_restart: false })
    expect((await patch({ idle_minutes: 7 })).body).toMatchObject({
      needs_restart: false,
      workspace: { idle_minutes: 7 },
    })
  })

  test('the region makes another machine there, and leaves none behind', async () => {
    const { id, machine_id } = await h.createWorkspace()
    await h.request(`/workspaces/${id}`, { method: 'PATCH', json: { region: 'fra' } })
    const { body } = await verb(id, 'restart')
    expect(body).toMatchObject({ status: 'ready', machine_region: 'fra' })
    expect(body['machine_id']).not.toBe(machine_id)
    await h.machineOf(id)
  })

  test('the image rebuilds it', async () => {
    const { id, machine_id } = await h.createWorkspace()
    const { body } = await verb(id, 'restart', { json: { image: 'ghcr.io/molecule-ai/workspace-other:2' } })
    expect(body).toMatchObject({
      status: 'ready',
      machine_id,
      image: expect.stringContaining('workspace-other'),
    })
    expect(await verb(id, 'restart', { json: { image: 'docker.io/x' } })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'image' }] },
    })
  })

  test('the parent never makes a cycle, and the tree stays shallow', async () => {
    const a = await h.createWorkspace({ name: 'a' })
    const b = await h.createWorkspace({ name: 'b', parent_id: a.id })
    const c = await h.createWorkspace({ name: 'c', parent_id: b.id })
    for (const parent of [a.id, c.id]) {
      const { status, body } = await h.request(`/workspaces/${a.id}`, {
        method: 'PATCH',
        json: { parent_id: parent },
      })
      expect(status).toBe(400)
      expect(body).toMatchObject({ errors: [{ field: 'parent_id' }] })
    }
    expect(
      (await h.request(`/workspaces/${c.id}`, { method: 'PATCH', json: { parent_id: null } })).status,
    ).toBe(200)
  })

  test.each<[Json, string]>([
    [{ tier: 9 }, 'tier'],
    [{ name: '' }, 'name'],
    [{ env: { FLY_X: '1' } }, 'env.FLY_X'],
    [{ regions: [] }, 'regions'],
    [{ idle_minutes: 0 }, 'idle_minutes'],
  ])('%j is refused, and nothing changes', async (json, field) => {
    const { id } = await h.createWorkspace()
    const before = await read(id)
    expect(await h.request(`/workspaces/${id}`, { method: 'PATCH', json })).toMatchObject({
      status: 400,
      body: { errors: [{ field }] },
    })
    // Its agent beats on meanwhile.
    expect(await read(id)).toEqual({ ...before, last_heartbeat_at: expect.any(String) })
  })
})

describe('a verb that makes no sense', () => {
  test.each([
    ['pause', 'removed'],
    ['resume', 'ready'],
    ['hibernate', 'paused'],
    ['restart', 'removed'],
    ['pause', 'paused'],
  ])('%s of a %s workspace is a 409 that names the status', async (name, status) => {
    const { id } = await h.createWorkspace()
    if (status === 'removed') await h.request(`/workspaces/${id}`, { method: 'DELETE' })
    if (status === 'paused') await verb(id, 'pause')
    expect(await verb(id, name)).toMatchObject({ status: 409, body: { workspace_status: status } })
  })

  test('delete makes sense everywhere', async () => {
    for (const name of ['pause', 'hibernate', 'restart']) {
      const { id } = await h.createWorkspace()
      await verb(id, name, { headers: {} })
      await h.request(`/workspaces/${id}`, { method: 'DELETE', headers: { prefer: 'wait=20' } })
      await h.untilIdle()
      expect(machine(id)).toBeUndefined()
    }
  })
})

describe('an Idempotency-Key', () => {
  const post = (key: string, json: unknown) =>
    h.request('/workspaces', { method: 'POST', json, headers: { 'idempotency-key': key } })

  test('makes one workspace of many requests, also at the same time, and repeats the first answer', async () => {
    const answers = await Promise.all(
      Array.from({ length: 6 }, () => post('key-1', { name: 'once', tier: 2 })),
    )
    await h.untilIdle()
    answers.push(await post('key-1', { tier: 2, name: 'once' }))
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201))
    for (const { body } of answers) expect(body).toEqual(answers[0]?.body)
    expect(answers.at(-1)?.headers.get('idempotency-replayed')).toBe('true')
    expect((await h.request<Json[]>('/workspaces')).body.filter(({ name }) => name === 'once')).toHaveLength(
      1,
    )
  })

  test('with another body is a 422, and after a day it is free again', async () => {
    const first = await post('key-2', { name: 'a' })
    expect(await post('key-2', { name: 'b' })).toMatchObject({
      status: 422,
      body: { code: 'idempotency_mismatch' },
    })
    h.advance(25 * 3_600_000)
    const second = await post('key-2', { name: 'b' })
    expect(second.status).toBe(201)
    expect(second.body['id']).not.toBe(first.body['id'])
  })

  test('that is no key is a 400', async () => {
    expect(await post('x'.repeat(256), { name: 'a' })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'Idempotency-Key' }] },
    })
  })
})

describe('explain', () => {
  test('tells machines and people what is wanted, what is, and what comes next', async () => {
    const { id } = await h.createWorkspace()
    const { body } = await h.request(`/workspaces/${id}/explain`)
    expect(body).toMatchObject({
      status: 'ready',
      wanted: { machine: 'started' },
      machine: { seen: 'present', state: 'started', region: 'ord' },
      next: { step: 'rest' },
      last_failure: null,
    })
    expect((body['recent_events'] as Json[]).map(({ type }) => type)).toContain('agent_answered')
    const text = await (
      await h.fetchRaw(`/workspaces/${id}/explain`, { headers: { accept: 'text/plain' } })
    ).text()
    expect(text).toContain('is ready since')
    expect(text).toContain('all is as wanted')
  })

  test('names what failed last and when it is tried again', async () => {
    const fault = h.emulator.faults.add({ kind: 'answer', action: 'machine.create', status: 503 })
    const { body } = await h.request<{ id: string }>('/workspaces', { method: 'POST', json: { name: 'x' } })
    let explained: Json = {}
    for (let tries = 0; tries < 100 && (explained['last_failure'] ?? null) === null; tries++) {
      await new Promise((done) => setTimeout(done, 20))
      explained = (await h.request(`/workspaces/${body.id}/explain`)).body
    }
    h.emulator.faults.remove(fault)
    expect(explained).toMatchObject({
      status: 'provisioning',
      reason: { code: 'provider_unreachable' },
      last_failure: { code: 'provider_unreachable', fly_request_id: expect.any(String) },
    })
    await h.request(`/workspaces/${body.id}`, { method: 'DELETE' })
  })
})
