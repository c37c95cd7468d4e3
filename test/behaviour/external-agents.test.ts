// Workspaces whose agents run elsewhere: they have no machine, and their status follows heartbeats.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { externalAgents } from '../support/external-agents.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { envelope } from '../support/stored-messages.ts'

let h: Harness
beforeAll(async () => {
  h = await createHarness()
})
afterAll(() => h.close())

const { beat, connect, create, createAgent, read, register, send } = externalAgents(() => h)

describe('a workspace without a machine', () => {
  test('it asks the provider for nothing, and has no machine, tier, disk, region or deadline', async () => {
    const before = h.outgoing.length
    const { body, status } = await create({ tier: 3, role: 'counts words' })
    expect(status).toBe(201)
    expect(body).toMatchObject({
      runtime: 'external',
      status: 'provisioning',
      machine_id: null,
      disk: null,
      regions: [],
      region: null,
      tier: null,
      deadline_at: null,
    })
    await h.sweep()
    const calls = h.outgoing.slice(before).filter(({ method }) => method !== 'GET')
    expect(calls).toEqual([])
    expect(await read(body.id)).toMatchObject({ status: 'provisioning', machine_id: null, reason: null })
    const { body: explained } = await h.request(`/workspaces/${body.id}/explain`)
    expect(explained).toMatchObject({
      wanted: { machine: 'none' },
      next: { step: 'rest', sentence: 'Nothing, until its agent registers or sends a heartbeat.' },
      survives: [],
    })
    const { body: text } = await h.request<string>(`/workspaces/${body.id}/explain`, {
      headers: { accept: 'text/plain' },
    })
    expect(text).toContain('\nwanted   machine none, generation 1\n')
    const { body: listed } = await h.request<Json[]>('/workspaces?tier=3&runtime=external')
    expect(listed).toEqual([])
    const { body: events } = await h.request<{ events: Json[] }>(`/workspaces/${body.id}/events`)
    expect(events.events[0]).toMatchObject({
      type: 'workspace_created',
      payload: { tier: null, regions: [] },
    })
  })

  test.each([
    ['region', 'fra'],
    ['image', 'ghcr.io/molecule-ai/workspace-hermes:latest'],
    ['disk_gb', 2],
    ['idle_minutes', 5],
    ['env', { A: '1' }],
    ['files', { 'a.txt': 'a' }],
  ])('%s is refused by name when it is created and when it is changed', async (member, value) => {
    const created = await create({ [member]: value })
    expect([created.status, (created.body as Json)['detail']]).toEqual([
      400,
      expect.stringContaining(member) as string,
    ])
    const { id } = await createAgent()
    const changed = await h.request(`/workspaces/${id}`, { method: 'PATCH', json: { [member]: value } })
    expect([changed.status, changed.body['detail']]).toEqual([400, expect.stringContaining(member) as string])
  })

  test('a workspace never gets or loses its machine', async () => {
    const { id } = await createAgent()
    const patch = (to: string, runtime: string) =>
      h.request(`/workspaces/${to}`, { method: 'PATCH', json: { runtime } })
    expect((await patch(id, 'hermes')).status).toBe(400)
    expect((await patch(id, 'external')).status).toBe(200)
    const other = await h.createWorkspace()
    expect((await patch(other.id, 'external')).status).toBe(400)
  })

  test.each([
    ['POST', 'restart', {}],
    ['POST', 'hibernate', {}],
    ['POST', 'holds', { for_seconds: 60, reason: 'work' }],
    ['POST', 'restore', { snapshot: 'disk_aaaaaaaaaaaaaaaa.x' }],
    ['POST', 'exec', { command: ['true'] }],
    ['GET', 'logs', undefined],
    ['GET', 'files?path=/', undefined],
  ])('%s %s is refused, because there is no machine', async (method, path, json) => {
    const { id } = await connect()
    const { body, status } = await h.request(`/workspaces/${id}/${path}`, { method, json })
    expect([status, body['detail']]).toEqual([409, expect.stringContaining('it has no machine') as string])
    expect(await read(id)).toMatchObject({ status: 'ready' })
  })
})

describe('its status', () => {
  test('a create with Prefer: wait is answered when the agent has come', async () => {
    const answer = h.request('/workspaces', {
      method: 'POST',
      json: { name: 'awaited', slug: 'awaited', runtime: 'external' },
      headers: { prefer: 'wait=30' },
    })
    await expect.poll(async () => (await read('awaited'))['slug'], { timeout: 30_000 }).toBe('awaited')
    const { body } = await h.request('/workspaces/awaited/tokens', { method: 'POST' })
    const id = String((await read('awaited'))['id'])
    await register({ id, headers: { authorization: `Bearer ${String(body['auth_token'])}` } })
    expect((await answer).body).toMatchObject({ id, status: 'ready' })
  })

  test('registering makes it ready, silence offline, and the next heartbeat ready again', async () => {
    const agent = await createAgent()
    expect((await register(agent, { url: 'remote://no-inbound' })).body).toMatchObject({
      status: 'registered',
      delivery_mode: 'poll',
    })
    await h.untilIdle()
    expect(await read(agent.id)).toMatchObject({ status: 'ready', agent_url: 'remote://no-inbound' })
    await h.sweep()
    expect(await read(agent.id)).toMatchObject({ status: 'ready' })
    h.advance(181_000)
    await h.sweep()
    expect(await read(agent.id)).toMatchObject({ status: 'offline', reason: { code: 'external_silent' } })
    await beat(agent, { runtime_state: 'ok' })
    await h.untilIdle()
    expect(await read(agent.id)).toMatchObject({ status: 'ready', reason: null, machine_id: null })
  })

  test('a heartbeat alone makes it ready, and a wedged agent degraded', async () => {
    const agent = await createAgent()
    await beat(agent)
    await h.untilIdle()
    expect(await read(agent.id)).toMatchObject({ status: 'ready' })
    await beat(agent, { runtime_state: 'wedged' })
    expect(await read(agent.id)).toMatchObject({ status: 'degraded', reason: { code: 'wedged' } })
    await beat(agent, { runtime_state: 'ok', error_rate: 0 })
    expect(await read(agent.id)).toMatchObject({ status: 'ready' })
  })

  test('a paused one refuses messages and ignores heartbeats until it is resumed', async () => {
    const agent = await connect()
    expect((await h.request(`/workspaces/${agent.id}/pause`, { method: 'POST' })).body).toMatchObject({
      status: 'paused',
    })
    await beat(agent)
    expect((await send(agent.id, envelope())).status).toBe(409)
    expect(await read(agent.id)).toMatchObject({ status: 'paused' })
    await h.request(`/workspaces/${agent.id}/resume`, { method: 'POST' })
    expect(await read(agent.id)).toMatchObject({ status: 'provisioning', deadline_at: null })
    await beat(agent)
    await h.untilIdle()
    expect(await read(agent.id)).toMatchObject({ status: 'ready' })
  })

  test('it is resumed with its parent, which has a machine and a deadline', async () => {
    const parent = await h.createWorkspace()
    const child = await createAgent({ parent_id: parent.id })
    await h.request(`/workspaces/${parent.id}/pause`, { method: 'POST', headers: { prefer: 'wait=20' } })
    await h.request(`/workspaces/${parent.id}/resume`, { method: 'POST', headers: { prefer: 'wait=20' } })
    expect(await read(parent.id)).toMatchObject({ status: 'ready' })
    expect(await read(child.id)).toMatchObject({ status: 'provisioning', deadline_at: null })
  })

  test('an agent that wants to be called is refused, and its address is shown and never called', async () => {
    const agent = await createAgent()
    const pushed = await register(agent, { url: 'http://169.254.169.254/', delivery_mode: 'push' })
    expect([pushed.status, pushed.body['detail']]).toEqual([
      400,
      expect.stringContaining('delivery_mode') as string,
    ])
    await register(agent, { url: 'http://169.254.169.254/' })
    await h.untilIdle()
    await send(agent.id, envelope(), { prefer: 'wait=0' })
    await h.sweep()
    expect(await read(agent.id)).toMatchObject({ agent_url: 'http://169.254.169.254/' })
    expect(h.outgoing.filter(({ url }) => url.includes('169.254'))).toEqual([])
  })

  test('a removed one is gone at once, and its token with it', async () => {
    const agent = await connect()
    expect((await h.request(`/workspaces/${agent.id}`, { method: 'DELETE' })).status).toBe(200)
    expect((await beat(agent)).status).toBe(401)
    await h.sweep()
    expect(await read(agent.id)).toMatchObject({ status: 'removed', machine_id: null })
  })
})
