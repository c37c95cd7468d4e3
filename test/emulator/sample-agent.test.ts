// The sample agent, run inside the test with a machine of a few lines: its boot order as Molecule's, and its answers in
// both A2A dialects, judged by the SDK's own client and by the raw JSON a person would send with curl.
import { ClientFactory, JsonRpcTransportFactory } from '@a2a-js/sdk/client'
import type { Client } from '@a2a-js/sdk/client'
import { SendMessageRequest, TaskState } from '@a2a-js/sdk'
import { afterEach, describe, expect, test } from 'vitest'
import type { GuestMachine } from '../../lib/emulator/guests/host.ts'
import { sampleAgent } from '../../lib/emulator/sample-agent/sample-agent.ts'

type Call = { path: string; authorization: string | null; body: Record<string, unknown>; listening: boolean }
type BootOptions = {
  files?: Record<string, string>
  env?: Record<string, string>
  platform?: (call: Call) => Response
}
type Fake = {
  calls: Call[]
  lines: string[]
  files: Record<string, string>
  exited: Promise<number>
  /** The fetch of a client outside, which reaches the agent at any host name. */
  dial: typeof fetch
  port: () => number | undefined
  calledOn: (path: string) => Call[]
  stop: () => Promise<number>
}

const CONFIG =
  'name: "Ada: #1\\n"\ndescription: "Counts"\nruntime: "langgraph"\nskills:\n  - a\na2a:\n  port: 8123\n  streaming: true\n'
const URL_8123 = 'http://machine-1:8123'
const started: Fake[] = []

afterEach(async () => {
  for (const agent of started.splice(0)) await agent.stop()
})

/** Runs the program on a fake machine; resolves when it listens or is over. */
async function boot({
  files = { '/configs/config.yaml': CONFIG },
  env = {},
  platform = () => Response.json({ status: 'registered' }),
}: BootOptions = {}): Promise<Fake> {
  const calls: Call[] = []
  const lines: string[] = []
  const stop = new AbortController()
  const listening = Promise.withResolvers<void>()
  let served: { port: number; handler: (request: Request) => Response | Promise<Response> } | undefined
  const machine: GuestMachine = {
    env: {
      WORKSPACE_ID: 'w-1',
      HOSTNAME: 'machine-1',
      PLATFORM_URL: 'http://platform',
      FLY_REGION: 'ams',
      ...env,
    },
    readFile: (path) => files[path],
    writeFile: (path, text) => void (files[path] = text),
    listen(port, handler) {
      served = { port, handler }
      listening.resolve()
      return Promise.resolve()
    },
    fetch: async (input, init) => {
      const request = new Request(input, init)
      const call: Call = {
        path: new URL(request.url).pathname,
        authorization: request.headers.get('authorization'),
        body: (await request.json()) as Record<string, unknown>,
        listening: served !== undefined,
      }
      calls.push(call)
      return platform(call)
    },
    stopping: stop.signal,
    log: (line) => void lines.push(line),
  }
  const exited = sampleAgent(machine)
  await Promise.race([exited, listening.promise])
  const dial: typeof fetch = async (input, init) => served!.handler(new Request(input, init))
  const agent: Fake = {
    calls,
    lines,
    files,
    exited,
    dial,
    port: () => served?.port,
    calledOn: (path: string) => calls.filter((call) => call.path === path),
    stop: () => {
      stop.abort()
      return exited
    },
  }
  started.push(agent)
  return agent
}

const post = (agent: Fake, body: unknown, headers: Record<string, string> = {}) =>
  agent.dial(`${URL_8123}/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

const legacySend = (text: string, method = 'message/send') => ({
  jsonrpc: '2.0',
  id: '1',
  method,
  params: {
    message: {
      kind: 'message',
      messageId: crypto.randomUUID(),
      role: 'user',
      parts: [{ kind: 'text', text }],
    },
  },
})

/** The SDK's client, made from the card the agent serves; it speaks 0.3 when the card offers nothing else. */
async function connect(agent: Fake, dialect: '1.0' | '0.3'): Promise<Client> {
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

describe('boot', () => {
  test('without config.yaml the program ends with code 1, as the real one crash-loops', async () => {
    const agent = await boot({ files: {} })
    expect(await agent.exited).toBe(1)
    expect(agent.lines).toEqual(['FileNotFoundError: /configs/config.yaml'])
    expect(agent.calls).toEqual([])
  })

  test('without WORKSPACE_ID the program ends with code 1', async () => {
    const agent = await boot({ env: { WORKSPACE_ID: '' } })
    expect(await agent.exited).toBe(1)
  })

  test('it registers before it listens, with the card and the address it believes to have', async () => {
    const agent = await boot()
    expect(agent.port()).toBe(8123)
    expect(agent.calledOn('/registry/register')).toMatchObject([
      {
        listening: false,
        authorization: null,
        body: {
          id: 'w-1',
          url: URL_8123,
          agent_card: {
            name: 'Ada: #1\n',
            description: 'Counts',
            version: '1.0.0',
            url: URL_8123,
            skills: [{ id: 'echo' }],
            capabilities: { streaming: true, pushNotifications: false },
          },
        },
      },
    ])
  })

  test('the token of the environment is used until a register answer brings one, which is kept in the file', async () => {
    const agent = await boot({
      env: { MOLECULE_WORKSPACE_TOKEN: 'from-env' },
      platform: () => Response.json({ status: 'registered', auth_token: 'minted' }),
    })
    expect(agent.calledOn('/registry/register')[0]?.authorization).toBe('Bearer from-env')
    expect(agent.files['/configs/.auth_token']).toBe('minted')
    await expect.poll(() => agent.calledOn('/registry/heartbeat')[0]?.authorization).toBe('Bearer minted')
  })

  test('a platform that is down does not keep it from listening, and it registers later', async () => {
    let down = true
    const agent = await boot({
      platform: (call) => {
        if (down && call.path === '/registry/register') throw new TypeError('fetch failed')
        return Response.json({})
      },
    })
    expect(agent.port()).toBe(8123)
    down = false
    await expect.poll(() => agent.calledOn('/registry/register').length, { timeout: 3000 }).toBe(2)
    await expect.poll(() => agent.lines).toContain('registered')
  })

  test('a refusal that is no server error is printed and not tried again', async () => {
    const agent = await boot({ platform: () => Response.json({ error: 'no' }, { status: 401 }) })
    expect(agent.lines[0]).toBe('register: 401 {"error":"no"}')
    expect(agent.port()).toBe(8123)
  })

  test('it beats soon after listening and goes on whatever the answer', async () => {
    const agent = await boot({
      env: { HEARTBEAT_SECONDS: '0.02' },
      platform: () => new Response('no', { status: 500 }),
    })
    await expect.poll(() => agent.calledOn('/registry/heartbeat').length).toBeGreaterThan(2)
    expect(agent.calledOn('/registry/heartbeat')[0]).toMatchObject({
      listening: true,
      body: {
        workspace_id: 'w-1',
        error_rate: 0,
        sample_error: '',
        active_tasks: 0,
        current_task: '',
        uptime_seconds: 0,
      },
    })
  })

  test('asked to stop, it ends with code 0 and beats no more', async () => {
    const agent = await boot({ env: { HEARTBEAT_SECONDS: '0.02' } })
    expect(await agent.stop()).toBe(0)
    const beats = agent.calls.length
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(agent.calls.length).toBe(beats)
  })

  test('`exit N` ends the program with that code', async () => {
    const agent = await boot()
    void post(agent, legacySend('exit 7'))
    expect(await agent.exited).toBe(7)
  })
})

describe('answers', () => {
  test('the message of the tutorial is answered with the region, where jq finds it', async () => {
    const agent = await boot()
    const response = await post(agent, legacySend('What region are you running in?'))
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({
      jsonrpc: '2.0',
      id: '1',
      result: { kind: 'message', role: 'agent', parts: [{ kind: 'text', text: 'ams' }] },
    })
  })

  test('a 1.0 method is understood with and without its version header', async () => {
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

  test.each(['1.0', '0.3'] as const)("the SDK's client gets an answer in %s", async (dialect) => {
    const agent = await boot()
    const client = await connect(agent, dialect)
    const reply = await client.sendMessage(ask('hello'))
    expect(reply).toMatchObject({ parts: [{ content: { $case: 'text', value: 'Echo: hello' } }] })
  })

  test.each(['1.0', '0.3'] as const)("the SDK's client reads a stream in %s", async (dialect) => {
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
  })

  test('a caller who hangs up ends the stream and not the task', async () => {
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

  test('`long N` works N seconds and can be canceled meanwhile', async () => {
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

  test('`long 1` is a completed task when it is awaited', async () => {
    const agent = await boot()
    const reply = await (await post(agent, legacySend('long 1'))).json()
    expect(reply).toMatchObject({ result: { kind: 'task', status: { state: 'completed' } } })
  })

  test('`fail` is a JSON-RPC error, streamed or not, and raises the error rate', async () => {
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
  ])('%s is answered with its error on HTTP 200', async (_name, body, headers, expected) => {
    const agent = await boot()
    const response = await post(agent, body, headers)
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject(expected)
  })

  test('the card is served at both places, and nothing else is', async () => {
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

  test('with MOLECULE_A2A_REQUIRE_AUTH only the inbound secret is let in, and the card stays open', async () => {
    const agent = await boot({ env: { MOLECULE_A2A_REQUIRE_AUTH: '1' } })
    const knock = (authorization: string) => post(agent, legacySend('hi'), { authorization })
    const refused = await knock('Bearer ')
    expect([refused.status, await refused.json()]).toEqual([401, { error: 'unauthorized' }])
    agent.files['/configs/.platform_inbound_secret'] = 's3cret\n'
    expect((await knock('Bearer s3cret')).status).toBe(200)
    expect((await knock('bearer s3cret')).status).toBe(401)
    expect((await agent.dial(`${URL_8123}/.well-known/agent-card.json`)).status).toBe(200)
  })
})
