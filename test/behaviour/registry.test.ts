// Registrations and heartbeats of agents, in the format of Molecule's runtimes.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

/** Listens and never registers; the test registers in its place. */
const quiet: Program = async (machine) => {
  await machine.listen(8000, () => Response.json({ name: 'quiet' }))
  return new Promise((resolve) => machine.stopping.addEventListener('abort', () => resolve(0)))
}

let h: Harness
beforeAll(async () => {
  h = await createHarness({ programs: { 'ghcr.io/molecule-ai/quiet': quiet } })
})
afterAll(() => h.close())

async function createQuiet(): Promise<{ id: string; token: string }> {
  const { id } = await h.createWorkspace({ image: 'ghcr.io/molecule-ai/quiet' })
  return { id, token: await h.tokenOf(id) }
}

const call = (route: string, json: unknown, token?: string) =>
  h.request(`/registry/${route}`, {
    method: 'POST',
    json,
    ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
  })
const read = async (id: string) => (await h.request(`/workspaces/${id}`)).body
const card = {
  name: 'quiet',
  description: 'x',
  version: '1',
  url: 'http://host:8000',
  skills: [],
  capabilities: { streaming: true },
}

test('an agent that cannot register is detected by a request for its card', async () => {
  const { id } = await createQuiet()
  expect(await read(id)).toMatchObject({
    status: 'ready',
    agent_card: { name: 'quiet' },
    registered_at: null,
  })
})

describe('register', () => {
  test("a registration stores the card and the agent's address, which is shown and never called", async () => {
    const { id, token } = await createQuiet()
    const { status, body } = await call(
      'register',
      { id, url: 'http://169.254.169.254:8000', agent_card: card },
      token,
    )
    expect(status).toBe(200)
    expect(body).toEqual({ status: 'registered', platform_inbound_secret: expect.any(String) })
    const row = await read(id)
    expect(row).toMatchObject({
      agent_url: 'http://169.254.169.254:8000',
      agent_card: card,
      endpoint: `http://platform.test/workspaces/${id}/a2a`,
    })
    await h.untilIdle()
    expect(h.outgoing.some(({ url }) => url.includes('169.254'))).toBe(false)
  })

  test('a registration requires the token of its workspace', async () => {
    const { id } = await createQuiet()
    const other = await createQuiet()
    const body = { id, url: 'http://x:8000', agent_card: card }
    expect(await call('register', body)).toMatchObject({
      status: 401,
      body: { error: 'missing workspace auth token' },
    })
    for (const token of ['wrong', other.token]) {
      expect(await call('register', body, token)).toMatchObject({
        status: 401,
        body: { error: 'invalid workspace auth token' },
      })
    }
    expect(await call('register', { ...body, id: crypto.randomUUID() }, other.token)).toMatchObject({
      status: 401,
    })
    expect(await read(id)).toMatchObject({ registered_at: null, agent_url: null })
  })

  test('a registration accepts unknown members and a missing address', async () => {
    const { id, token } = await createQuiet()
    const newer = {
      id,
      agent_card: { ...card, configuration_status: 'ok' },
      delivery_mode: 'poll',
      kind: 'workspace',
    }
    expect((await call('register', newer, token)).status).toBe(200)
    expect(await read(id)).toMatchObject({ agent_url: null, agent_card: { configuration_status: 'ok' } })
  })

  test.each<[string, Json, string]>([
    ['an id that is not a UUID', { id: 'x', agent_card: card }, 'id'],
    ['no card', { agent_card: undefined }, 'agent_card'],
    ['a card that is text', { agent_card: 'x' }, 'agent_card'],
  ])('a registration with %s is refused by the name of the field', async (_what, json, field) => {
    const { id, token } = await createQuiet()
    const answer = await call('register', { id, ...json }, token)
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ field }] } })
  })

  test('a card with characters that cannot be stored is stored with replacements', async () => {
    const { id, token } = await createQuiet()
    const broken = { ...card, name: 'a\0b', skills: [{ id: '\ud83d' }] }
    expect((await call('register', { id, agent_card: broken }, token)).status).toBe(200)
    expect(await read(id)).toMatchObject({
      agent_card: { name: 'a\ufffdb', skills: [{ id: '\ufffd' }] },
    })
  })

  test('a registration does not change a removed workspace', async () => {
    const { id, token } = await createQuiet()
    await h.request(`/workspaces/${id}`, { method: 'DELETE' })
    expect((await call('register', { id, agent_card: card }, token)).status).toBe(401)
    await h.untilIdle()
    expect(await read(id)).toMatchObject({ status: 'removed' })
  })
})

describe('heartbeat', () => {
  test('a heartbeat stores what the agent reports, and keeps what it leaves out', async () => {
    const { id, token } = await createQuiet()
    const full = {
      workspace_id: id,
      error_rate: 0.2,
      sample_error: 'x',
      active_tasks: 2,
      current_task: 'thinking',
      uptime_seconds: 90,
      runtime_metadata: {},
    }
    expect(await call('heartbeat', full, token)).toMatchObject({ status: 200, body: { status: 'ok' } })
    expect(await read(id)).toMatchObject({
      last_error_rate: expect.closeTo(0.2),
      last_sample_error: 'x',
      active_tasks: 2,
      current_task: 'thinking',
      uptime_seconds: 90,
    })
    await call('heartbeat', { workspace_id: id, active_tasks: 0, current_task: '', uptime_seconds: 0 }, token)
    expect(await read(id)).toMatchObject({
      last_error_rate: expect.closeTo(0.2),
      active_tasks: 0,
      current_task: '',
      uptime_seconds: 90,
    })
  })

  test('a heartbeat with unusable values is repaired and counts', async () => {
    const { id, token } = await createQuiet()
    await call('register', { id, agent_card: card }, token)
    const clumsy = {
      workspace_id: id.toUpperCase(),
      error_rate: 1.0000001,
      sample_error: `a\0${'x'.repeat(10_000)}`,
      active_tasks: 1.7,
      current_task: '\ud83d',
      uptime_seconds: -3,
      runtime_state: 7,
    }
    expect((await call('heartbeat', clumsy, token)).status).toBe(200)
    const row = await read(id)
    expect(row).toMatchObject({ last_error_rate: 1, active_tasks: 1, current_task: '\ufffd' })
    expect(String(row['last_sample_error'])).toMatch(/^a\ufffdx+$/)
    expect(String(row['last_sample_error'])).toHaveLength(4_096)
    const { body: metrics } = await h.request<string>('/metrics')
    for (const member of Object.keys(clumsy).filter((name) => name !== 'workspace_id'))
      expect(metrics).toContain(`molecule_heartbeat_repairs_total{member="${member}"} 1`)
  })

  test('a workspace is degraded at an error rate of a half, and ready again below a tenth', async () => {
    const { id, token } = await createQuiet()
    const heartbeat = async (fields: Json) => {
      await call('heartbeat', { workspace_id: id, ...fields }, token)
      return (await read(id))['status']
    }
    expect(await heartbeat({ error_rate: 0.49 })).toBe('ready')
    expect(await heartbeat({ error_rate: 0.5 })).toBe('degraded')
    expect((await read(id))['reason']).toMatchObject({ code: 'high_error_rate' })
    expect(await heartbeat({ error_rate: 0.1 })).toBe('degraded')
    expect(await heartbeat({ active_tasks: 1 })).toBe('degraded')
    expect(await heartbeat({ error_rate: 0.09 })).toBe('ready')
    expect(await heartbeat({ runtime_state: 'wedged' })).toBe('degraded')
    expect(await heartbeat({ error_rate: 0, runtime_state: 'ok' })).toBe('ready')
  })

  test('a heartbeat requires the token of its workspace, and changes nothing without it', async () => {
    const { id } = await createQuiet()
    expect((await call('heartbeat', { workspace_id: id, active_tasks: 9 })).status).toBe(401)
    expect(await read(id)).toMatchObject({ active_tasks: 0, last_heartbeat_at: null })
  })

  test('a heartbeat of an older generation does not make a restarted workspace ready', async () => {
    const { id, token } = await createQuiet()
    h.emulator.faults.add({ kind: 'answer', action: 'machine.update', status: 503 })
    await h.request(`/workspaces/${id}/restart?force=true`, { method: 'POST' })
    expect((await call('heartbeat', { workspace_id: id, active_tasks: 5 }, token)).status).toBe(200)
    expect(await read(id)).toMatchObject({ status: 'provisioning', active_tasks: 0 })
    for (const fault of h.emulator.faults.list()) h.emulator.faults.remove(fault.id)
  })
})

test('update-card replaces the stored card', async () => {
  const { id, token } = await createQuiet()
  expect(
    await call('update-card', { workspace_id: id, agent_card: { name: 'renamed' } }, token),
  ).toMatchObject({ body: { status: 'updated' } })
  expect(await read(id)).toMatchObject({ agent_card: { name: 'renamed' } })
  expect((await call('update-card', { workspace_id: id, agent_card: {} })).status).toBe(401)
})
