// Messages to agents that run elsewhere: the agent fetches them, and its answers reach their senders.
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { externalAgents } from '../support/external-agents.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { envelope } from '../support/stored-messages.ts'

let h: Harness
beforeAll(async () => {
  h = await createHarness()
})
afterAll(() => h.close())

const { connect, createAgent, fetchOne, inbox, register, respond, send } = externalAgents(() => h)

describe('a message to an agent that runs elsewhere', () => {
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

  test('a sender whose message is stored is told so when its answer cannot be read', async () => {
    const agent = await connect()
    const sent = send(agent.id, envelope({ text: 'unreadable' }))
    const { id } = await fetchOne(agent)
    await h.db.execute(sql`alter table messages rename to messages_away`)
    try {
      expect(await sent).toMatchObject({ status: 202, body: { queued: true, queue_id: id } })
    } finally {
      await h.db.execute(sql`alter table messages_away rename to messages`)
    }
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
