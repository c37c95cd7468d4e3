// The MCP server gives the answers that the official SDK would give with the same tools.
import { fileURLToPath } from 'node:url'
import { Client as McpClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import { SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/sdk/types.js'
import { expect, test } from 'vitest'
import { type Client, createClient } from '../../client/client.ts'
import { answerMcp } from '../../mcp/http.ts'
import { createMcpServer, PROTOCOL_VERSIONS } from '../../mcp/server.ts'
import { sendText } from '../../mcp/send-text.ts'
import { createTools } from '../../mcp/tools.ts'

const WORKSPACE = { id: 'one', slug: null, name: 'One', status: 'ready', runtime: 'hermes' }
const KNOWN = 'a-workspace'

/** What our server calls. The SDK's tools return the same. */
const api = (request: Request) =>
  new URL(request.url).pathname.endsWith(KNOWN)
    ? Response.json({ ...WORKSPACE, tier: null, region: null, role: null, reason: null })
    : Response.json({ code: 'not_found', detail: 'workspace not found', status: 404 }, { status: 404 })

const VERSION = '1.2.3'

const answerOurs = (request: Request) =>
  answerMcp(request, { token: undefined, version: VERSION, fetch: api })

async function answerTheirs(request: Request): Promise<Response> {
  const server = new McpServer(
    { name: 'molecule-fly', title: 'Molecule Fly', version: VERSION },
    { instructions: await instructions() },
  )
  for (const [name, { annotations, description, input, title }] of Object.entries(createTools())) {
    const config = { title, description, inputSchema: input.shape, annotations: { title, ...annotations } }
    server.registerTool(name, config, ({ id }: { id?: string }) => {
      if (id !== KNOWN)
        return { content: [{ type: 'text', text: 'not_found: workspace not found' }], isError: true }
      const brief = { id: 'one', name: 'One', status: 'ready', runtime: 'hermes' }
      return { content: [{ type: 'text', text: JSON.stringify(brief) }], structuredContent: brief }
    })
  }
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true })
  await server.connect(transport)
  return transport.handleRequest(request)
}

async function instructions(): Promise<string> {
  const answer = await createMcpServer({} as Client, VERSION).answer({
    method: 'initialize',
    id: 1,
    params: { protocolVersion: '2025-11-25' },
  })
  return (answer as { result: { instructions: string } }).result.instructions
}

const rpc = (method: string, params?: object, id: unknown = 1) => ({
  jsonrpc: '2.0',
  ...(id === undefined ? {} : { id }),
  method,
  ...(params === undefined ? {} : { params }),
})
const initialize = (protocolVersion: string) =>
  rpc('initialize', { protocolVersion, capabilities: {}, clientInfo: { name: 'test', version: '1' } })
const call = (name: string, args?: object) => rpc('tools/call', { name, arguments: args })

const BODIES: Readonly<Record<string, unknown>> = {
  ...Object.fromEntries(
    SUPPORTED_PROTOCOL_VERSIONS.map((version) => [`initialize, ${version}`, initialize(version)]),
  ),
  'initialize, unknown version': initialize('2099-01-01'),
  'initialize twice': [initialize('2025-03-26'), initialize('2025-03-26')],
  ping: rpc('ping'),
  'ping with a text as id': rpc('ping', {}, 'a'),
  'list of tools': rpc('tools/list'),
  'call of a tool': call('get_workspace', { id: KNOWN }),
  'call that fails': call('get_workspace', { id: 'another' }),
  'call of an unknown tool': call('no_such_tool', {}),
  'call with a wrong argument': call('get_workspace', { id: 'no/id' }),
  'call with several wrong arguments': call('create_workspace', { name: '', tier: 7, wait_seconds: 'x' }),
  'call without arguments': call('get_workspace'),
  'unknown method': rpc('resources/list'),
  notification: rpc('notifications/initialized', undefined, undefined),
  'unknown notification': rpc('notifications/else', {}, undefined),
  response: { jsonrpc: '2.0', id: 1, result: {} },
  'several messages': [
    rpc('ping', {}, 1),
    rpc('notifications/initialized', {}, undefined),
    rpc('ping', {}, 2),
  ],
  'no messages': [],
  'too many messages': Array.from({ length: 101 }, (_, id) => rpc('ping', {}, id)),
  'another version of JSON-RPC': { jsonrpc: '1.0', id: 1, method: 'ping' },
  'null as id': { jsonrpc: '2.0', id: null, method: 'ping' },
  'a fraction as id': { jsonrpc: '2.0', id: 1.5, method: 'ping' },
  'a list as params': { jsonrpc: '2.0', id: 1, method: 'ping', params: [] },
  'one wrong message of two': [rpc('ping'), { jsonrpc: '2.0' }],
  null: null,
  text: 'ping',
}

const ACCEPT = { accept: 'application/json, text/event-stream' }
const JSON_TYPE = { 'content-type': 'application/json' }

async function compare(headers: Record<string, string>, body: string): Promise<void> {
  const shown = async (response: Response) => {
    const text = await response.text()
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      body: text === '' ? text : (JSON.parse(text) as unknown),
    }
  }
  const request = () => new Request('http://localhost/mcp', { method: 'POST', headers, body })
  expect(await shown(await answerOurs(request()))).toEqual(await shown(await answerTheirs(request())))
}

test.each(Object.entries(BODIES))('%s is answered as by the SDK', async (_name, body) => {
  await compare({ ...ACCEPT, ...JSON_TYPE }, JSON.stringify(body))
})

test.each([
  ['no Accept', { ...JSON_TYPE }],
  ['Accept without a stream', { ...JSON_TYPE, accept: 'application/json' }],
  ['no Content-Type', { ...ACCEPT, 'content-type': '' }],
  ['another Content-Type', { ...ACCEPT, 'content-type': 'text/plain; of=application/json' }],
  ['a Content-Type with parameters', { ...ACCEPT, 'content-type': 'Application/JSON; charset=utf-8' }],
  ['a known version', { ...ACCEPT, ...JSON_TYPE, 'mcp-protocol-version': '2025-06-18' }],
  ['an unknown version', { ...ACCEPT, ...JSON_TYPE, 'mcp-protocol-version': '2099-01-01' }],
])('%s is answered as by the SDK', async (_name, headers) => {
  await compare(headers, JSON.stringify(rpc('ping')))
})

test('a body that is not JSON is answered as by the SDK', async () => {
  await compare({ ...ACCEPT, ...JSON_TYPE }, '{')
})

test('the server speaks the versions of the protocol that the SDK speaks', () => {
  expect(PROTOCOL_VERSIONS).toEqual(SUPPORTED_PROTOCOL_VERSIONS)
})

test('a name that every object has is no tool', async () => {
  const server = createMcpServer({} as Client, VERSION)
  expect(await server.answer({ method: 'tools/call', id: 1, params: { name: 'constructor' } })).toMatchObject(
    {
      result: { isError: true, content: [{ text: 'MCP error -32602: Tool constructor not found' }] },
    },
  )
})

test('a request that is cancelled gets no answer', async () => {
  const { promise, resolve } = Promise.withResolvers()
  const client = { getWorkspace: () => promise } as unknown as Client
  const server = createMcpServer(client, VERSION)
  const answer = server.answer({
    method: 'tools/call',
    id: 7,
    params: { name: 'get_workspace', arguments: { id: KNOWN } },
  })
  expect(await server.answer({ method: 'notifications/cancelled', params: { requestId: 7 } })).toBeUndefined()
  resolve(WORKSPACE)
  expect(await answer).toBeUndefined()
})

test('`molecule-fly mcp` lists the tools on standard input and output', async () => {
  const client = new McpClient({ name: 'test', version: '1' })
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [fileURLToPath(new URL('../../cli/main.ts', import.meta.url)), 'mcp'],
    env: { MOLECULE_FLY_URL: 'http://127.0.0.1:1' },
  })
  await client.connect(transport)
  const { tools } = await client.listTools()
  expect(tools.map(({ name }) => name)).toEqual(Object.keys(createTools()))
  const { content, isError } = await client.callTool({ name: 'get_workspace', arguments: { id: KNOWN } })
  expect([isError, content]).toEqual([true, [{ type: 'text', text: expect.stringMatching(/\w/) }]])
  await client.close()
})

test('a message whose answer comes later is answered with the address of the answer', async () => {
  const url = 'http://server/workspaces/one/messages/1'
  const client = createClient({
    url: 'http://server',
    fetch: (input) =>
      Promise.resolve(
        new Request(input).method === 'POST' ? Response.json({ url }, { status: 202 }) : Response.json({}),
      ),
  })
  await expect(sendText(client, 'one', 'hello')).rejects.toThrow(`its answer will be at ${url}`)
})
