// The messages that the control plane writes itself, at an agent of the official SDK that speaks only A2A 1.0.
import { AgentCard, Message } from '@a2a-js/sdk'
import {
  AgentEvent,
  DefaultRequestHandler,
  InMemoryTaskStore,
  JsonRpcTransportHandler,
  ServerCallContext,
} from '@a2a-js/sdk/server'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { SCRIPTED_AGENT_IMAGE } from '../support/scripted-agent.ts'

/** The messages that arrived, as the SDK reads them. */
const arrived: Json[] = []

const card = AgentCard.fromJSON({
  name: 'speaks only 1.0',
  version: '1.0.0',
  supportedInterfaces: [
    { url: 'http://localhost:8000/rpc', protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
  ],
  defaultInputModes: ['text/plain'],
  defaultOutputModes: ['text/plain'],
})

const handler = new JsonRpcTransportHandler(
  new DefaultRequestHandler(card, new InMemoryTaskStore(), {
    execute({ contextId, userMessage }, bus) {
      arrived.push(Message.toJSON(userMessage) as Json)
      const answer = {
        messageId: crypto.randomUUID(),
        role: 'ROLE_AGENT',
        contextId,
        parts: [{ text: 'done' }],
      }
      bus.publish(AgentEvent.message(Message.fromJSON(answer)))
      bus.finished()
      return Promise.resolve()
    },
    cancelTask: () => Promise.resolve(),
  }),
)

const agent: Program = async (machine) => {
  await machine.listen(8000, async (request) => {
    const { pathname } = new URL(request.url)
    if (pathname.endsWith('agent-card.json')) return Response.json(AgentCard.toJSON(card))
    if (pathname !== '/rpc') return new Response(null, { status: 404 })
    const requestedVersion = request.headers.get('a2a-version') ?? ''
    const body = (await request.json()) as Record<string, unknown>
    return Response.json(await handler.handle(body, new ServerCallContext({ requestedVersion })))
  })
  return new Promise((resolve) => machine.stopping.addEventListener('abort', () => resolve(0)))
}

let h: Harness
let id: string
beforeAll(async () => {
  const SECRETS_ENCRYPTION_KEY = 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='
  h = await createHarness({
    programs: { [SCRIPTED_AGENT_IMAGE]: agent },
    env: { SECRETS_ENCRYPTION_KEY },
  })
  id = await create()
})
afterAll(() => h.close())
beforeEach(() => {
  arrived.length = 0
})

async function create(): Promise<string> {
  const { body } = await h.request<{ id: string }>('/workspaces', {
    method: 'POST',
    headers: { prefer: 'wait=20' },
    json: { name: 'only 1.0', tier: 2, image: SCRIPTED_AGENT_IMAGE },
  })
  await h.untilIdle()
  return body.id
}

const post = (path: string, json: Json, headers: Record<string, string> = {}) =>
  h.request(path, { method: 'POST', json, headers })

/** The states of the messages that the workspace has received, after a delivery. */
async function delivered(): Promise<unknown[]> {
  await h.deliver()
  await h.untilIdle()
  const { body } = await h.request<Json[]>(`/workspaces/${id}/messages`)
  return body.map(({ state }) => state)
}

describe('an agent that speaks only A2A 1.0', () => {
  test('it answers the message of a hook, with its payload', async () => {
    const { body } = await post(`/workspaces/${id}/hooks`, { name: 'ci', scheme: 'bearer' })
    const data = { build: 7, parts: [{ kind: 'text', text: 'x' }], method: 'message/send', role: 'user' }
    const sent = await post(new URL(String(body['url'])).pathname, data, {
      authorization: `Bearer ${String(body['secret'])}`,
    })
    expect(sent.status).toBe(202)
    expect(await delivered()).toEqual(['answered'])
    expect(arrived).toMatchObject([
      { role: 'ROLE_USER', metadata: { hook: 'ci' }, parts: [{ text: JSON.stringify(data) }, { data }] },
    ])
  })

  test('it answers the message of a schedule', async () => {
    const daily = { name: 'daily', cron: '30 9 * * *', message: 'Report "kind":"message" now.' }
    const { body } = await post(`/workspaces/${id}/schedules`, daily)
    h.advance(Date.parse(String(body['next_run_at'])) - h.now().getTime())
    expect(await delivered()).toEqual(['answered', 'answered'])
    expect(arrived).toMatchObject([{ metadata: { schedule: 'daily' }, parts: [{ text: daily.message }] }])
  })

  test('it answers a delegated task', async () => {
    const source = await create()
    const { body, status } = await post(`/workspaces/${source}/delegate`, {
      target_id: id,
      task: 'Count to three.',
    })
    expect(status).toBe(202)
    expect(await delivered()).toEqual(['answered', 'answered', 'answered'])
    expect(arrived).toMatchObject([
      { metadata: { delegation_id: body['delegation_id'] }, parts: [{ text: 'Count to three.' }] },
    ])
  })

  test('a message of a sender reaches it as it was sent, and is refused', async () => {
    const sent = await post(
      `/workspaces/${id}/a2a`,
      {
        jsonrpc: '2.0',
        id: 1,
        method: 'message/send',
        params: { message: { role: 'user', parts: [{ kind: 'text', text: 'in 0.3' }] } },
      },
      { prefer: 'respond-async' },
    )
    expect(sent.status).toBe(202)
    await h.deliver()
    await h.untilIdle()
    const stored = await h.request(new URL(String(sent.headers.get('location'))).pathname)
    expect(stored.body).toMatchObject({ state: 'answered', response: { error: { code: -32601 } } })
    expect(arrived).toEqual([])
  })
})
