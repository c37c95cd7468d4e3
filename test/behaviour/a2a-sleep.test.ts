// Messages to workspaces that are not ready: they wake hibernated ones and wait for starting ones, streams send comments meanwhile,
// and each message is delivered once.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { askRegion, createHarness, type Harness, type Json } from '../support/harness.ts'

type Failure = { id: unknown; error: { data: Json } }

let h: Harness
beforeAll(async () => {
  h = await createHarness()
})
afterAll(() => h.close())
afterEach(() => {
  for (const { id } of h.emulator.faults.list()) h.emulator.faults.remove(id)
})

const send = <Body = Json>(id: string, json: Json, headers: Record<string, string> = {}) =>
  h.request<Body>(`/workspaces/${id}/a2a`, { method: 'POST', json, headers })

const stream = (id: string, text: string, headers: Record<string, string> = {}) =>
  h.fetchRaw(`/workspaces/${id}/a2a`, {
    method: 'POST',
    headers,
    json: {
      jsonrpc: '2.0',
      id: 's',
      method: 'message/stream',
      params: { message: { role: 'user', parts: [{ kind: 'text', text }] } },
    },
  })

async function hibernated(): Promise<string> {
  const { id } = await h.createWorkspace()
  await h.request(`/workspaces/${id}/hibernate`, { method: 'POST', headers: { prefer: 'wait=10' } })
  await h.untilIdle()
  return id
}

const statusOf = async (id: string) => (await h.request(`/workspaces/${id}`)).body['status']

describe('messages', () => {
  test('a message wakes a hibernated workspace and is answered by it', async () => {
    const id = await hibernated()
    const { status, body } = await send<{ result: { parts: Json[] } }>(id, askRegion())
    expect([status, body.result.parts[0]?.['text']]).toEqual([200, 'ord'])
    expect(await statusOf(id)).toBe('ready')
  })

  test('a message waits for a workspace that is being provisioned', async () => {
    const { body } = await h.request<{ id: string }>('/workspaces', { method: 'POST', json: { name: 'new' } })
    expect((await send(body.id, askRegion())).status).toBe(200)
  })

  test('a message waits as long as Prefer: wait says, and the response confirms it', async () => {
    h.emulator.faults.add({ kind: 'port-closed', app: 'test-app' })
    const { body } = await h.request<{ id: string }>('/workspaces', {
      method: 'POST',
      json: { name: 'deaf' },
    })
    const answer = await send<Failure>(body.id, askRegion(3), { prefer: 'wait=1' })
    expect(answer.status).toBe(503)
    expect(answer.headers.get('preference-applied')).toBe('wait=1')
    expect(answer.body).toMatchObject({
      id: 3,
      error: { data: { reason: 'WORKSPACE_STARTING', delivered: 'no', retry_after: 5 } },
    })
    await h.request(`/workspaces/${body.id}`, { method: 'DELETE' })
  })

  test('a message with wait=0 to a hibernated workspace is refused and wakes it', async () => {
    const id = await hibernated()
    const { status } = await send<Failure>(id, askRegion(), { prefer: 'wait=0' })
    expect(status).toBe(503)
    await expect.poll(() => statusOf(id)).toBe('ready')
  })

  test('concurrent messages to a hibernated workspace are all answered by one machine', async () => {
    const id = await hibernated()
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => send<{ id: number; result: Json }>(id, askRegion(n))),
    )
    expect(answers.map(({ status, body }) => [status, body.id])).toEqual(answers.map((_, n) => [200, n]))
    expect(h.livingMachines().filter(({ name }) => name === `ws-${id}`)).toHaveLength(1)
  })

  test.each([
    ['pause', 409, 'WORKSPACE_PAUSED'],
    ['delete', 410, 'WORKSPACE_REMOVED'],
  ])(
    'a message right after a %s is refused, although the route was cached',
    async (verb, expected, reason) => {
      const { id } = await h.createWorkspace()
      expect((await send(id, askRegion())).status).toBe(200)
      if (verb === 'delete') await h.request(`/workspaces/${id}`, { method: 'DELETE' })
      else await h.request(`/workspaces/${id}/${verb}`, { method: 'POST' })
      const { status, body } = await send<Failure>(id, askRegion())
      expect([status, body.error.data['reason'], body.error.data['delivered']]).toEqual([
        expected,
        reason,
        'no',
      ])
    },
  )

  test('a message right after a restart is answered by the restarted machine', async () => {
    const { id } = await h.createWorkspace()
    await send(id, askRegion())
    await h.request(`/workspaces/${id}/restart`, { method: 'POST' })
    expect((await send(id, askRegion())).status).toBe(200)
  })

  test('a message to a machine that others stopped is refused, and the next one wakes it at once', async () => {
    const { id } = await h.createWorkspace()
    await send(id, askRegion())
    const { id: machineId } = await h.machineOf(id)
    await h.fly('POST', `/${machineId}/stop`, {})
    await expect.poll(async () => (await h.machineOf(id)).state).toBe('stopped')
    const { status, body } = await send<Failure>(id, askRegion())
    expect([status, body.error.data['reason']]).toEqual([503, 'AGENT_UNREACHABLE'])
    await h.untilIdle()
    // No sweep was needed to notice the stopped machine.
    expect((await send(id, askRegion())).status).toBe(200)
  })
})

describe('streams', () => {
  /** Delays the start of the machine, so that the stream begins with comments. */
  const slow = () => h.emulator.faults.add({ kind: 'latency', action: 'machine.start', ms: 600 })

  test("a stream to a hibernated workspace begins with comments and continues with the agent's events", async () => {
    const id = await hibernated()
    slow()
    const response = await stream(id, 'stream 2')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const text = await response.text()
    expect(text).toMatch(/^: waiting for the workspace\n\n/)
    const events = text.split('\n\n').filter((event) => event.startsWith('data: '))
    expect(events.length).toBeGreaterThan(3)
    for (const event of events) expect(JSON.parse(event.slice(6))).toMatchObject({ id: 's' })
  })

  test('a stream that the agent refuses ends with the refusal as an event', async () => {
    const id = await hibernated()
    slow()
    const text = await (await stream(id, 'fail')).text()
    expect(text).toMatch(/^: waiting for the workspace\n\n/)
    const [event = ''] = text.split('\n\n').filter((part) => part.startsWith('data: '))
    expect(JSON.parse(event.slice(6))).toMatchObject({ id: 's', error: { code: expect.any(Number) } })
  })

  test('a stream whose workspace does not become ready ends with an error event', async () => {
    h.emulator.faults.add({ kind: 'port-closed', app: 'test-app' })
    const { body } = await h.request<{ id: string }>('/workspaces', {
      method: 'POST',
      json: { name: 'deaf' },
    })
    const text = await (await stream(body.id, 'hello', { prefer: 'wait=2' })).text()
    expect(text).toMatch(/^: waiting for the workspace\n\n/)
    const [event = ''] = text.split('\n\n').filter((part) => part.startsWith('data: '))
    expect(JSON.parse(event.slice(6))).toMatchObject({
      id: 's',
      error: { data: { reason: 'WORKSPACE_STARTING', delivered: 'no' } },
    })
    await h.request(`/workspaces/${body.id}`, { method: 'DELETE' })
  })
})
