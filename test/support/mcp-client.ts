// The official MCP client at a control plane, and a tour of its tools that any place must pass, because a Worker's bundle has
// another HTTP client below them than Node.
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { expect } from 'vitest'

/** @param url of the control plane */
export async function connectMcp(url: string, token?: string, fetch = globalThis.fetch): Promise<Client> {
  const client = new Client({ name: 'test', version: '1.0.0' })
  const transport = new StreamableHTTPClientTransport(new URL('/mcp', url), {
    requestInit: { headers: token === undefined ? {} : { authorization: `Bearer ${token}` } },
    fetch,
  })
  await client.connect(transport)
  return client
}

/** @returns the tool's result as an object, or its failure as text */
export async function callTool(client: Client, name: string, args: Record<string, unknown>) {
  const { content, isError, structuredContent } = await client.callTool({ name, arguments: args })
  const [first] = content as { text: string }[]
  return isError === true ? (first?.text ?? '') : (structuredContent as Record<string, unknown>)
}

/** Uses every tool that there is, from the create of a workspace to its removal. */
export async function useEveryTool(client: Client): Promise<void> {
  const used = new Set<string>()
  const call = (name: string, args: Record<string, unknown>) => {
    used.add(name)
    return callTool(client, name, args)
  }
  const created = await call('create_workspace', { name: 'by-mcp', runtime: 'hermes', tier: 2 })
  expect(created).toMatchObject({ name: 'by-mcp', status: 'ready' })
  const { id } = created as { id: string }
  expect(await call('list_workspaces', { name: 'BY-MCP' })).toMatchObject({
    total: 1,
    workspaces: [{ id, status: 'ready' }],
  })
  expect(await call('get_workspace', { id })).toMatchObject({ id, tier: 2 })
  expect(await call('send_message', { id, text: 'What region are you running in?' })).toMatchObject({
    text: 'ord',
  })
  const task = await call('send_message', { id, text: 'stream 2' })
  expect(task).toMatchObject({ state: 'completed' })
  const { task_id } = task as { task_id: string }
  expect(await call('get_task', { id, task_id })).toMatchObject({ task_id, state: 'completed' })
  expect(await call('explain_workspace', { id })).toMatchObject({
    explanation: expect.stringContaining('is ready since') as string,
  })
  expect(await call('read_logs', { id, lines: 5 })).toMatchObject({
    logs: expect.stringMatching(/^\d{4}-\d\d-\d\dT.* /) as string,
  })
  expect(await call('restart_workspace', { id })).toMatchObject({ id, status: 'ready' })
  expect(await call('wait_for_workspace', { id })).toMatchObject({ id, status: 'ready' })
  expect(await call('remove_workspace', { id })).toEqual({ id, status: 'removed' })
  const { tools } = await client.listTools()
  expect([...used].toSorted()).toEqual(tools.map(({ name }) => name).toSorted())
}
