// The MCP server with the official MCP client: the tools do what the caller's token may do, and nothing else.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createHarness, type Harness } from '../support/harness.ts'
import { callTool, connectMcp, useEveryTool } from '../support/mcp-client.ts'

const ADMIN_TOKEN = 'kPbq8MsQe0vYJcTzRk3XwLhN5dGfUa7i'

let h: Harness
beforeAll(async () => {
  h = await createHarness({ env: { ADMIN_TOKEN }, loopback: false })
})
afterAll(() => h.close())

const connect = (token?: string) =>
  connectMcp('http://localhost:8080', token, (input, init) => {
    const { body, headers, method, url } = new Request(input, init)
    return h.fetchRaw(new URL(url).pathname, { method, headers, body })
  })

const createToken = async (scopes: string[], workspaces?: string[]) =>
  (
    await h.request<{ token: string }>('/tokens', {
      method: 'POST',
      headers: { authorization: `Bearer ${ADMIN_TOKEN}` },
      json: { name: 'mcp', scopes, ...(workspaces === undefined ? {} : { workspaces }) },
    })
  ).body.token

test('every tool does its work, from the create of a workspace to its removal', async () => {
  const client = await connect(ADMIN_TOKEN)
  await useEveryTool(client)
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
  await expect(connect()).rejects.toThrow('401')
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
