// The MCP server with the official MCP client: the tools do what the caller's token may do, and nothing else.
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createHarness, type Harness } from '../support/harness.ts'

const ADMIN_TOKEN = 'kPbq8MsQe0vYJcTzRk3XwLhN5dGfUa7i'

let h: Harness
beforeAll(async () => {
  h = await createHarness({ env: { ADMIN_TOKEN }, loopback: false })
})
afterAll(() => h.close())

async function connect(token: string | undefined) {
  const client = new Client({ name: 'test', version: '1.0.0' })
  const transport = new StreamableHTTPClientTransport(new URL('http://localhost:8080/mcp'), {
    requestInit: { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } },
    fetch: (input, init) => {
      const { body, headers, method, url } = new Request(input, init)
      return h.fetchRaw(new URL(url).pathname, { method, headers, body })
    },
  })
  await client.connect(transport)
  return client
}

/** @returns the tool's result as an object, or its failure as text */
async function callTool(client: Client, name: string, args: Record<string, unknown>) {
  const { content, isError, structuredContent } = await client.callTool({ name, arguments: args })
  const [first] = content as { text: string }[]
  return isError === true ? (first?.text ?? '') : (structuredContent as Record<string, unknown>)
}

const createToken = async (scopes: string[], workspaces?: string[]) =>
  (
    await h.request<{ token: string }>('/tokens', {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      json: { name: 'mcp', scopes, ...(workspaces === undefined ? {} : { workspaces }) },
    })
  ).body.token

test('the tools create a workspace, talk to its agent, explain it and remove it', async () => {
  const client = await connect(ADMIN_TOKEN)
  const created = await callTool(client, 'create_workspace', { name: 'by-mcp', runtime: 'hermes', tier: 2 })
  expect(created).toMatchObject({ name: 'by-mcp', status: 'ready' })
  const { id } = created as { id: string }
  expect(await callTool(client, 'list_workspaces', { name: 'BY-MCP' })).toMatchObject({
    total: 1,
    workspaces: [{ id, status: 'ready' }],
  })
  expect(
    await callTool(client, 'send_message', { id, text: 'What region are you running in?' }),
  ).toMatchObject({
    text: 'ord',
  })
  const task = await callTool(client, 'send_message', { id, text: 'stream 2' })
  expect(task).toMatchObject({ state: 'completed' })
  const { task_id } = task as { task_id: string }
  expect(await callTool(client, 'get_task', { id, task_id })).toMatchObject({ task_id, state: 'completed' })
  expect(await callTool(client, 'explain_workspace', { id })).toMatchObject({
    explanation: expect.stringContaining('is ready since'),
  })
  expect(await callTool(client, 'remove_workspace', { id })).toEqual({ id, status: 'removed' })
  await client.close()
})

test('a token of scope read lists workspaces, and creates and removes none', async () => {
  const client = await connect(await createToken(['read']))
  expect(await callTool(client, 'list_workspaces', {})).toMatchObject({ total: expect.any(Number) })
  expect(await callTool(client, 'create_workspace', { name: 'no' })).toContain('scope operate')
  expect(await callTool(client, 'remove_workspace', { id: crypto.randomUUID() })).toMatch(
    /^(forbidden|not_found)/,
  )
  await client.close()
})

test('a token for one workspace sees no other one', async () => {
  const admin = await connect(ADMIN_TOKEN)
  const [mine, other] = (await Promise.all(
    ['mine', 'other'].map((name) => callTool(admin, 'create_workspace', { name, runtime: 'hermes' })),
  )) as { id: string }[]
  const client = await connect(await createToken(['operate'], [mine?.id ?? '']))
  expect(await callTool(client, 'list_workspaces', {})).toMatchObject({
    total: 1,
    workspaces: [{ id: mine?.id }],
  })
  expect(await callTool(client, 'get_workspace', { id: other?.id })).toContain('not_found')
  await Promise.all([admin.close(), client.close()])
})

test('a caller without a token is refused before any tool runs', async () => {
  await expect(connect(undefined)).rejects.toThrow('401')
})

test('invalid arguments are named, and tools that destroy say so', async () => {
  const client = await connect(ADMIN_TOKEN)
  expect(await callTool(client, 'get_workspace', { id: 'no/id' })).toContain(
    'must be the id or the slug of a workspace',
  )
  expect(await callTool(client, 'get_workspace', { id: 'no-such' })).toContain('workspace not found')
  const { tools } = await client.listTools()
  expect(
    tools.filter(({ annotations }) => annotations?.destructiveHint === true).map(({ name }) => name),
  ).toEqual(['remove_workspace'])
  for (const { annotations, description, inputSchema, name } of tools) {
    expect(description, name).not.toBe('')
    expect(annotations?.readOnlyHint, name).toBeTypeOf('boolean')
    for (const property of Object.values(inputSchema.properties ?? {}))
      expect((property as { description?: string }).description, name).toBeTypeOf('string')
  }
  await client.close()
})
