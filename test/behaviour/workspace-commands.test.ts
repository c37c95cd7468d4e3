// Changing, restarting and deleting workspaces, repeated creates, and the explanation of a status.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

let h: Harness
beforeAll(async () => {
  h = await createHarness()
})
afterAll(() => h.close())

const command = (id: string, name: string, init: RequestInit & { json?: unknown } = {}) =>
  h.request(`/workspaces/${id}/${name}`, { method: 'POST', headers: { prefer: 'wait=20' }, ...init })
const read = async (id: string) => (await h.request(`/workspaces/${id}`)).body
const machine = (id: string) => h.livingMachines().find(({ name }) => name === `ws-${id}`)

describe('changing', () => {
  test('a changed setting needs a restart, and the next restart applies it', async () => {
    const { id } = await h.createWorkspace({ env: { A: '1' } })
    const patch = (json: unknown) => h.request(`/workspaces/${id}`, { method: 'PATCH', json })
    expect(await patch({ env: { A: '2' }, tier: 3 })).toMatchObject({
      status: 200,
      body: { status: 'updated', needs_restart: true, workspace: { tier: 3, name: 'test' } },
    })
    expect((await h.machineOf(id)).config.env['A']).toBe('1')
    expect((await command(id, 'restart')).body).toMatchObject({ status: 'ready', needs_restart: false })
    expect((await h.machineOf(id)).config).toMatchObject({ env: { A: '2' }, guest: { memory_mb: 2048 } })
    expect((await patch({ tier: 3 })).body).toMatchObject({ needs_restart: false })
    expect((await patch({ idle_minutes: 7 })).body).toMatchObject({
      needs_restart: false,
      workspace: { idle_minutes: 7 },
    })
  })

  test('a changed region creates a machine there and destroys the old one', async () => {
    const { id, machine_id } = await h.createWorkspace()
    await h.request(`/workspaces/${id}`, { method: 'PATCH', json: { region: 'fra' } })
    const { body } = await command(id, 'restart')
    expect(body).toMatchObject({ status: 'ready', machine_region: 'fra' })
    expect(body['machine_id']).not.toBe(machine_id)
    await h.machineOf(id)
  })

  test('a restart with another image updates the machine', async () => {
    const { id, machine_id } = await h.createWorkspace()
    const { body } = await command(id, 'restart', {
      json: { image: 'ghcr.io/molecule-ai/workspace-other:2' },
    })
    expect(body).toMatchObject({
      status: 'ready',
      machine_id,
      image: expect.stringContaining('workspace-other'),
    })
    expect(await command(id, 'restart', { json: { image: 'docker.io/x' } })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'image' }] },
    })
  })

  test('a changed parent cannot create a cycle', async () => {
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
  ])('the change %j is refused, and nothing changes', async (json, field) => {
    const { id } = await h.createWorkspace()
    const before = await read(id)
    expect(await h.request(`/workspaces/${id}`, { method: 'PATCH', json })).toMatchObject({
      status: 400,
      body: { errors: [{ field }] },
    })
    // Its agent sends heartbeats meanwhile.
    expect(await read(id)).toEqual({ ...before, last_heartbeat_at: expect.any(String) })
  })
})

describe('commands in the wrong status', () => {
  test.each([
    ['pause', 'removed', 'a workspace that is removed cannot be paused: create another one'],
    ['resume', 'ready', 'a workspace that is ready cannot be resumed'],
    ['hibernate', 'paused', 'a workspace that is paused cannot be hibernated: resume it first'],
    ['restart', 'removed', 'a workspace that is removed cannot be restarted: create another one'],
    ['pause', 'paused', 'the workspace is paused already'],
  ])('the command %s on a %s workspace is a 409 that says the way out', async (name, status, detail) => {
    const { id } = await h.createWorkspace()
    if (status === 'removed') await h.request(`/workspaces/${id}`, { method: 'DELETE' })
    if (status === 'paused') await command(id, 'pause')
    expect(await command(id, name)).toMatchObject({ status: 409, body: { workspace_status: status, detail } })
  })

  test('delete works in every status', async () => {
    for (const name of ['pause', 'hibernate', 'restart']) {
      const { id } = await h.createWorkspace()
      await command(id, name, { headers: {} })
      await h.request(`/workspaces/${id}`, { method: 'DELETE', headers: { prefer: 'wait=20' } })
      await h.untilIdle()
      expect(machine(id)).toBeUndefined()
    }
  })
})

describe('Idempotency-Key', () => {
  const post = (key: string, json: unknown) =>
    h.request('/workspaces', { method: 'POST', json, headers: { 'idempotency-key': key } })

  test('repeated and concurrent creates with one Idempotency-Key create one workspace and get the same response', async () => {
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

  test('an Idempotency-Key with another body is a 422, and can be used again after a day', async () => {
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

  test('callers who choose the same Idempotency-Key get workspaces of their own', async () => {
    const json = { name: 'mine' }
    const asToken = async () => {
      const token = { name: 'another caller', scopes: ['operate'] }
      const { body } = await h.request('/tokens', { method: 'POST', json: token })
      const headers = { 'idempotency-key': 'key-3', authorization: `Bearer ${String(body['token'])}` }
      return () => h.request('/workspaces', { method: 'POST', json, headers })
    }
    const [first, second] = [await asToken(), await asToken()]
    const created = [await post('key-3', json), await first(), await second()]
    expect(created.map(({ status }) => status)).toEqual([201, 201, 201])
    expect(new Set(created.map(({ body }) => body['id'])).size).toBe(3)
    expect((await second()).body).toEqual(created[2]?.body)
    // Another body is a mismatch for the caller of the key only.
    expect((await post('key-3', { name: 'other' })).status).toBe(422)
  })

  test('an invalid Idempotency-Key is a 400', async () => {
    expect(await post('x'.repeat(256), { name: 'a' })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'Idempotency-Key' }] },
    })
  })
})

describe('explaining', () => {
  test('a machine with more memory than Fly should suspend is said to be stopped by a hibernation', async () => {
    const { id } = await h.createWorkspace({ tier: 4 })
    const { body } = await h.request(`/workspaces/${id}/explain`)
    expect(body['survives']).toContainEqual({
      event: 'hibernate',
      disk: 'kept',
      root_filesystem: 'lost',
      memory: 'lost',
      note: expect.stringContaining('is stopped'),
    })
  })

  test('the explanation says what is wanted, what exists and what comes next, as JSON and as text', async () => {
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
    expect(text).toContain('everything is as wanted')
  })

  test('the explanation names the last failure', async () => {
    const fault = h.emulator.faults.add({ kind: 'answer', action: 'machine.create', status: 503 })
    const { body } = await h.request<{ id: string }>('/workspaces', { method: 'POST', json: { name: 'x' } })
    await expect
      .poll(async () => (await h.request(`/workspaces/${body.id}/explain`)).body)
      .toMatchObject({
        status: 'provisioning',
        reason: { code: 'provider_unreachable' },
        last_failure: {
          code: 'provider_unreachable',
          provider: { status: expect.any(Number), text: expect.any(String), request_id: expect.any(String) },
        },
      })
    h.emulator.faults.remove(fault)
    await h.request(`/workspaces/${body.id}`, { method: 'DELETE' })
  })
})
