// The answers of the sample agent in both A2A dialects, read by the SDK's own client and as raw JSON.

import { ClientFactory, JsonRpcTransportFactory } from '@a2a-js/sdk/client'
import type { Client } from '@a2a-js/sdk/client'
import { SendMessageRequest, TaskState } from '@a2a-js/sdk'
import { describe, expect, test } from 'vitest'
import type { FakeMachine } from '../support/sample-agent.ts'
import { boot, legacySend, post, URL_8123 } from '../support/sample-agent.ts'

/** The SDK's client, made from the card the agent serves; it speaks 0.3 when the card offers nothing else. */
async function connect(agent: FakeMachine, dialect: '1.0' | '0.3'): Promise<Client> {
  const version: Record<string, string> = dialect === '1.0' ? { 'A2A-Version': '1.0' } : {}
  const response = await agent.dial(`${URL_8123}/.well-known/agent-card.json`, { headers: version })
  const card = (await response.json()) as { supportedInterfaces: { protocolVersion: string }[] }
  card.supportedInterfaces = card.supportedInterfaces.filter((each) => each.protocolVersion === dialect)
  expect(card.supportedInterfaces).toHaveLength(1)
  const transport = new JsonRpcTransportFactory({ fetchImpl: agent.dial, legacyCompat: { enabled: true } })
  return new ClientFactory({ transports: [transport] }).createFromAgentCard(card as never)
}

const ask = (text: string) =>
  SendMessageRequest.fromJSON({
    message: { messageId: crypto.randomUUID(), role: 'ROLE_USER', parts: [{ text }] },
  })

describe('answers', () => {
  test('the sample agent answers the message of the tutorial with its region in .result.parts[0].text', async () => {
    const agent = await boot()
    const response = await post(agent, legacySend('What region are you running in?'))
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({
      jsonrpc: '2.0',
      id: '1',
      result: { kind: 'message', role: 'agent', parts: [{ kind: 'text', text: 'ams' }] },
    })
  })

  test('the sample agent accepts an A2A 1.0 method with and without the version header', async () => {
    const agent = await boot()
    const body = {
      jsonrpc: '2.0',
      id: 0,
      method: 'SendMessage',
      params: SendMessageRequest.toJSON(ask('hi')),
    }
    for (const headers of [{}, { 'A2A-Version': '1.0' }]) {
      const reply = await (await post(agent, body, headers)).json()
      expect(reply).toMatchObject({
        id: 0,
        result: { message: { role: 'ROLE_AGENT', parts: [{ text: 'Echo: hi' }] } },
      })
    }
  })

  test.each(['1.0', '0.3'] as const)(
    "the SDK's client gets an answer from the sample agent in A2A %s",
    async (dialect) => {
      const agent = await boot()
      const client = await connect(agent, dialect)
      const reply = await client.sendMessage(ask('hello'))
      expect(reply).toMatchObject({ parts: [{ content: { $case: 'text', value: 'Echo: hello' } }] })
    },
  )

  test.each(['1.0', '0.3'] as const)(
    "the SDK's client reads a stream of the sample agent in A2A %s",
    async (dialect) => {
      const agent = await boot()
      const client = await connect(agent, dialect)
      const events: string[] = []
      for await (const { payload } of client.sendMessageStream(ask('stream 3'))) {
        if (payload?.$case === 'artifactUpdate') {
          const [part] = payload.value.artifact!.parts
          events.push(part?.content?.$case === 'text' ? part.content.value : '')
        } else if (payload?.$case === 'statusUpdate') {
          events.push(TaskState[payload.value.status!.state])
        } else {
          events.push(payload!.$case)
        }
      }
      expect(events).toEqual([
        'task',
        'chunk 1 of 3\n',
        'chunk 2 of 3\n',
        'chunk 3 of 3\n',
        'TASK_STATE_COMPLETED',
      ])
    },
  )

  test('a disconnected stream does not end the task of the sample agent', async () => {
    const agent = await boot()
    const response = await post(agent, legacySend('stream 3', 'message/stream'))
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/)
    const reader = response.body!.getReader()
    const first = new TextDecoder().decode((await reader.read()).value)
    await reader.cancel()
    const { id } = (JSON.parse(first.replace(/^data: /, '')) as { result: { id: string } }).result
    const get = { jsonrpc: '2.0', id: 2, method: 'tasks/get', params: { id } }
    await expect
      .poll(async () => (await post(agent, get)).json())
      .toMatchObject({ result: { kind: 'task', status: { state: 'completed' } } })
  })

  test('the message `long N` starts a task of N seconds that can be canceled', async () => {
    const agent = await boot()
    const client = await connect(agent, '1.0')
    const request = ask('long 30')
    request.configuration = {
      acceptedOutputModes: [],
      returnImmediately: true,
      taskPushNotificationConfig: undefined,
    }
    const task = (await client.sendMessage(request)) as { id: string }
    const working = await client.getTask({ tenant: '', id: task.id })
    expect(working.status?.state).toBe(TaskState.TASK_STATE_WORKING)
    const canceled = await client.cancelTask({ tenant: '', id: task.id, metadata: undefined })
    expect(canceled.status?.state).toBe(TaskState.TASK_STATE_CANCELED)
  })

  test('the message `long 1` answers a completed task', async () => {
    const agent = await boot()
    const reply = await (await post(agent, legacySend('long 1'))).json()
    expect(reply).toMatchObject({ result: { kind: 'task', status: { state: 'completed' } } })
  })

  test('the message `fail` answers a JSON-RPC error and raises the error rate', async () => {
    const agent = await boot({ env: { HEARTBEAT_SECONDS: '0.05' } })
    for (const method of ['message/send', 'message/stream']) {
      const response = await post(agent, legacySend('fail', method))
      expect(response.headers.get('content-type')).toMatch(/^application\/json/)
      expect(await response.json()).toEqual({
        jsonrpc: '2.0',
        id: '1',
        error: { code: -32603, message: 'The sample agent was told to fail.' },
      })
    }
    await expect
      .poll(() => agent.calledOn('/registry/heartbeat').map(({ body }) => body['error_rate']))
      .toContain(1)
  })

  test.each([
    ['no JSON', '{', {}, { id: null, error: { code: -32700 } }],
    [
      'no messageId',
      { jsonrpc: '2.0', id: 3, method: 'message/send', params: { message: {} } },
      {},
      { id: 3, error: { code: -32602 } },
    ],
    ['an empty batch', [], {}, { id: null, error: { code: -32600 } }],
    ['null', 'null', {}, { id: null, error: { code: -32600 } }],
    [
      'an unknown method',
      { jsonrpc: '2.0', id: 'x', method: 'rpc.discover', params: {} },
      {},
      { id: 'x', error: { code: -32601 } },
    ],
    [
      'an unknown task in 0.3',
      { jsonrpc: '2.0', id: 4, method: 'tasks/get', params: { id: 'none' } },
      {},
      { id: 4, error: { code: -32001 } },
    ],
    [
      'an unknown task in 1.0',
      { jsonrpc: '2.0', id: 4, method: 'GetTask', params: { id: 'none' } },
      {},
      { id: 4, error: { code: -32001 } },
    ],
    [
      'a version nobody knows',
      { jsonrpc: '2.0', id: 0, method: 'GetTask', params: { id: 'none' } },
      { 'A2A-Version': '9.9' },
      { id: 0, error: { code: -32009 } },
    ],
  ])(
    'the sample agent answers %s with its JSON-RPC error on HTTP 200',
    async (_name, body, headers, expected) => {
      const agent = await boot()
      const response = await post(agent, body, headers)
      expect(response.status).toBe(200)
      expect(await response.json()).toMatchObject(expected)
    },
  )

  test('the sample agent serves its card at both well-known paths and nothing else', async () => {
    const agent = await boot()
    for (const name of ['agent-card.json', 'agent.json']) {
      const card = await (await agent.dial(`${URL_8123}/.well-known/${name}`)).json()
      expect(card).toMatchObject({
        url: URL_8123,
        capabilities: { streaming: true },
        preferredTransport: 'JSONRPC',
      })
    }
    expect((await agent.dial(`${URL_8123}/health`)).status).toBe(404)
    expect((await agent.dial(`${URL_8123}/`)).status).toBe(404)
  })

  test('the sample agent with MOLECULE_A2A_REQUIRE_AUTH requires the inbound secret, except for its card', async () => {
    const agent = await boot({ env: { MOLECULE_A2A_REQUIRE_AUTH: '1' } })
    const request = (authorization: string) => post(agent, legacySend('hi'), { authorization })
    const refused = await request('Bearer ')
    expect([refused.status, await refused.json()]).toEqual([401, { error: 'unauthorized' }])
    agent.files['/configs/.platform_inbound_secret'] = 's3cret\n'
    expect((await request('Bearer s3cret')).status).toBe(200)
    expect((await request('bearer s3cret')).status).toBe(401)
    expect((await agent.dial(`${URL_8123}/.well-known/agent-card.json`)).status).toBe(200)
  })
})

describe('memory', () => {
  const say = async (agent: FakeMachine, text: string): Promise<string> => {
    const reply = (await (await post(agent, legacySend(text))).json()) as {
      result: { parts: { text: string }[] }
    }
    return reply.result.parts[0]?.text ?? ''
  }

  test('the sample agent remembers on its disk what it is asked to remember', async () => {
    const agent = await boot()
    expect(await say(agent, 'What do you remember?')).toBe('I remember nothing.')
    expect(await say(agent, 'Remember that the key is\nunder the mat')).toBe(
      'I will remember: the key is under the mat',
    )
    await say(agent, 'remember: milk')
    expect(await say(agent, 'what do you remember?')).toBe('I remember: the key is under the mat; milk')
    expect(agent.files['/workspace/memory.txt']).toBe('the key is under the mat\nmilk\n')
  })

  test('WORKSPACE_DISK_PATH is where the sample agent keeps its memory', async () => {
    const agent = await boot({ env: { WORKSPACE_DISK_PATH: '/data' } })
    await say(agent, 'remember milk')
    expect(agent.files['/data/memory.txt']).toBe('milk\n')
    expect([await say(agent, 'count'), await say(agent, 'count')]).toEqual(['Count: 1', 'Count: 2'])
    expect(agent.files['/data/counter']).toBe('2')
  })

  test('the sample agent says good night before it suspends itself', async () => {
    const agent = await boot({ env: { FLY_APP_NAME: 'demo', FLY_MACHINE_ID: 'm1' } })
    expect(await say(agent, 'suspend yourself')).toBe('Good night.')
    await expect.poll(() => agent.ownCalls).toEqual(['POST /v1/apps/demo/machines/m1/suspend'])
  })
})
