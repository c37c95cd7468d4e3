// Workspaces whose agents run elsewhere: no machine, a status that follows heartbeats, messages that the agent fetches, and
// answers that reach their senders.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { envelope } from '../support/stored-messages.ts'

let h: Harness
beforeAll(async () => {
  h = await createHarness()
})
afterAll(() => h.close())

type Agent = { id: string; headers: { authorization: string } }

const CARD = { name: 'elsewhere', version: '1.0.0' }
const create = (fields: Json = {}) =>
  h.request<{ id: string }>('/workspaces', {
    method: 'POST',
    json: { name: 'elsewhere', runtime: 'external', ...fields },
  })
const read = async (id: string) => (await h.request(`/workspaces/${id}`)).body

async function createAgent(fields: Json = {}): Promise<Agent> {
  const { id } = (await create(fields)).body
  const { body } = await h.request(`/workspaces/${id}/tokens`, { method: 'POST' })
  return { id, headers: { authorization: `Bearer ${String(body['auth_token'])}` } }
}
const register = ({ headers, id }: Agent, fields: Json = {}) =>
  h.request('/registry/register', { method: 'POST', headers, json: { id, agent_card: CARD, ...fields } })
const beat = ({ headers, id }: Agent, fields: Json = {}) =>
  h.request('/registry/heartbeat', { method: 'POST', headers, json: { workspace_id: id, ...fields } })

async function connect(fields: Json = {}): Promise<Agent> {
  const agent = await createAgent(fields)
  await register(agent)
  await h.untilIdle()
  return agent
}

const send = (id: string, json: unknown, headers: Record<string, string> = {}) =>
  h.request(`/workspaces/${id}/a2a`, { method: 'POST', headers, json })
const inbox = ({ headers, id }: Agent, query = '') =>
  h.request<(Json & { id: string })[]>(`/workspaces/${id}/activity?type=a2a_receive${query}`, { headers })
const respond = ({ headers, id }: Agent, message: string, json: Json) =>
  h.request(`/workspaces/${id}/messages/${message}/response`, { method: 'POST', headers, json })

/** Waits until the agent has a message. */
async function fetchOne(agent: Agent): Promise<Json & { id: string }> {
  let first: (Json & { id: string }) | undefined
  await expect
    .poll(async () => (first = (await inbox(agent)).body[0]), { timeout: 30_000, interval: 50 })
    .toBeDefined()
  if (first === undefined) throw new Error('no message came')
  return first
}

describe('a workspace without a machine', () => {
  test('it asks the provider for nothing, and has no machine, disk, region or deadline', async () => {
    const before = h.outgoing.length
    const { body, status } = await create({ tier: 3, role: 'counts words' })
    expect(status).toBe(201)
    expect(body).toMatchObject({
      runtime: 'external',
      status: 'provisioning',
      machine_id: null,
      disk: null,
      regions: [],
      region: '',
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

describe('its messages', () => {
  test('a sender waits, the agent fetches the request and answers, and the sender gets the answer', async () => {
    const agent = await connect()
    const answered = send(agent.id, envelope({ id: 'a-1', text: 'how many', contextId: 'talk' }))
    const message = await fetchOne(agent)
    expect(message).toMatchObject({
      activity_type: 'a2a_receive',
      method: 'message/send',
      source_id: null,
      request_body: { id: 'a-1', params: { message: { parts: [{ kind: 'text', text: 'how many' }] } } },
    })
    expect((await respond(agent, message.id, { text: 'two words' })).body).toMatchObject({
      id: message.id,
      state: 'answered',
    })
    const { body, status } = await answered
    expect(status).toBe(200)
    expect(body).toMatchObject({
      jsonrpc: '2.0',
      id: 'a-1',
      result: {
        kind: 'message',
        role: 'agent',
        contextId: 'talk',
        parts: [{ kind: 'text', text: 'two words' }],
      },
    })
    expect((await inbox(agent)).body).toEqual([])
    const [entry] = (await h.request<Json[]>(`/workspaces/${agent.id}/activity?type=a2a_receive`)).body
    expect(entry).toMatchObject({ id: message.id, response_body: { result: { role: 'agent' } } })
  })

  test('a message of A2A 1.0 is answered in that version, and a result and an error pass as they are', async () => {
    const agent = await connect()
    const ask = async (json: unknown, said: Json) => {
      const answered = send(agent.id, json)
      await respond(agent, (await fetchOne(agent)).id, said)
      return (await answered).body
    }
    const version1 = {
      jsonrpc: '2.0',
      id: 7,
      method: 'SendMessage',
      params: { message: { role: 'ROLE_USER', messageId: 'm-1', parts: [{ text: 'hi' }] } },
    }
    expect(await ask(version1, { text: 'hello' })).toMatchObject({
      id: version1.id,
      result: { message: { role: 'ROLE_AGENT', parts: [{ text: 'hello' }] } },
    })
    const task = { kind: 'task', id: 't-1', contextId: 'c', status: { state: 'completed' } }
    expect(await ask(envelope(), { result: task })).toMatchObject({ result: task })
    const error = { code: -32001, message: 'no such task' }
    expect(await ask(envelope(), { error })).toMatchObject({ error })
  })

  test('messages wait for an agent that is offline, come oldest first, and continue after a cursor', async () => {
    const agent = await createAgent()
    for (const text of ['1', '2', '3'])
      expect((await send(agent.id, envelope({ text }), { prefer: 'respond-async' })).status).toBe(202)
    await register(agent)
    const texts = (rows: Json[]) =>
      rows.map(({ request_body: body }) => JSON.stringify(body).match(/"text":"(\d)"/)?.[1])
    const first = (await inbox(agent, '&limit=2')).body
    expect(texts(first)).toEqual(['1', '2'])
    expect(texts((await inbox(agent, `&since_id=${first[1]?.id}`)).body)).toEqual(['3'])
    // Without a cursor, as after a restart, it gets what it has not answered.
    await respond(agent, first[0]?.id ?? '', { text: 'one' })
    expect(texts((await inbox(agent)).body)).toEqual(['2', '3'])
    expect((await inbox(agent, `&since_id=${crypto.randomUUID()}`)).status).toBe(410)
  })

  test('an unanswered message is 202, and the same message again returns the answer that came meanwhile', async () => {
    const agent = await connect()
    const message = envelope({ text: 'later' })
    const first = await send(agent.id, message, { prefer: 'wait=0' })
    expect(first.status).toBe(202)
    expect(first.body).toMatchObject({ queued: true, state: 'queued', queue_depth: 1 })
    const fetched = await fetchOne(agent)
    expect(fetched.id).toBe(first.body['queue_id'])
    await respond(agent, fetched.id, { text: 'now' })
    expect((await send(agent.id, message)).body).toMatchObject({ result: { parts: [{ text: 'now' }] } })
    expect((await inbox(agent)).body).toEqual([])
  })

  test('delegations and messages of peers say who sent them, and their senders get the answers', async () => {
    const agent = await connect()
    const peer = await createAgent()
    const answered = send(agent.id, envelope({ text: 'from a peer' }), peer.headers)
    const message = await fetchOne(agent)
    expect(message).toMatchObject({ source_id: peer.id })
    await respond(agent, message.id, { text: 'to a peer' })
    expect((await answered).body).toMatchObject({ result: { parts: [{ text: 'to a peer' }] } })
    await h.request(`/workspaces/${peer.id}/delegate`, {
      method: 'POST',
      headers: peer.headers,
      json: { target_id: agent.id, task: 'count this' },
    })
    await respond(agent, (await fetchOne(agent)).id, { text: 'counted' })
    const { body } = await h.request<Json[]>(`/workspaces/${peer.id}/delegations`, { headers: peer.headers })
    expect(body).toMatchObject([{ status: 'completed', response_preview: 'counted' }])
  })

  test('a fetched message that is never answered expires as unknown, also after a restart of the server', async () => {
    const agent = await connect()
    const { body } = await send(agent.id, envelope(), { prefer: 'wait=0' })
    await fetchOne(agent)
    await h.deliver()
    const path = `/workspaces/${agent.id}/messages/${String(body['queue_id'])}`
    expect((await h.request(path)).body).toMatchObject({ state: 'sending', failure: null })
    h.advance(25 * 3_600_000)
    await h.deliver()
    expect((await h.request(path)).body).toMatchObject({
      state: 'unknown',
      failure: { reason: 'AGENT_TIMEOUT', delivered: 'yes' },
    })
    expect((await respond(agent, String(body['queue_id']), { text: 'too late' })).status).toBe(409)
  })

  test('streams, tasks, HTTP+JSON and long messages are refused', async () => {
    const { id } = await connect()
    const stream = await send(id, { ...envelope(), method: 'message/stream' })
    expect([stream.status, JSON.stringify(stream.body)]).toEqual([
      409,
      expect.stringContaining('AGENT_POLLS') as string,
    ])
    expect(
      (await h.request(`/workspaces/${id}/a2a/v1/message:send`, { method: 'POST', json: {} })).status,
    ).toBe(409)
    const long = await send(id, envelope({ text: 'x'.repeat(262_144) }))
    expect([long.status, JSON.stringify(long.body)]).toEqual([
      413,
      expect.stringContaining('262144') as string,
    ])
  })

  test('only the agent answers its messages, once, with one of text, result and error', async () => {
    const agent = await connect()
    const other = await createAgent()
    await send(agent.id, envelope(), { prefer: 'wait=0' })
    const { id } = await fetchOne(agent)
    expect((await respond({ ...agent, headers: other.headers }, id, { text: 'forged' })).status).toBe(404)
    expect((await respond(agent, id, { text: 'a', result: {} })).status).toBe(400)
    expect((await respond(agent, id, {})).status).toBe(400)
    expect((await respond(agent, crypto.randomUUID(), { text: 'a' })).status).toBe(404)
    expect((await respond(agent, id, { text: 'a' })).status).toBe(200)
    expect((await respond(agent, id, { text: 'b' })).status).toBe(409)
  })

  test('characters that the database cannot keep are replaced, and the message arrives', async () => {
    const agent = await connect()
    await send(agent.id, envelope({ text: 'a\0b\ud800c' }), { prefer: 'wait=0' })
    expect(JSON.stringify((await fetchOne(agent))['request_body'])).toContain('a\ufffdb\ufffdc')
  })

  test('the list of a person is not an inbox: it is newest first and changes nothing', async () => {
    const agent = await connect()
    for (const text of ['1', '2']) await send(agent.id, envelope({ text }), { prefer: 'wait=0' })
    const rows = (await h.request<Json[]>(`/workspaces/${agent.id}/activity?type=a2a_receive`)).body
    expect(JSON.stringify(rows[0])).toContain('"text":"2"')
    const states = (await h.request<Json[]>(`/workspaces/${agent.id}/messages`)).body.map(
      ({ state }) => state,
    )
    expect(states).toEqual(['queued', 'queued'])
  })
})
