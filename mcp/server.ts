// The MCP server: the tools, over any transport. `/mcp` serves it over streamable HTTP, `molecule-fly mcp` over stdio. A server that
// only offers tools answers four methods (modelcontextprotocol.io/specification), so it does without the official SDK, which would be
// a fifteenth of the Worker. test/unit/mcp-server.test.ts compares the two.
import { z } from 'zod'
import { ApiProblem } from '../client/problem.ts'
import type { Client } from '../client/client.ts'
import { type Id, INVALID_PARAMS, type Message, METHOD_NOT_FOUND, RpcError } from './messages.ts'
import { createTools, type Tool } from './tools.ts'

/** Newest first. Of what servers with tools do, they are the same. */
export const PROTOCOL_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05', '2024-10-07']

const INSTRUCTIONS =
  'Workspaces are machines with one AI agent each. Create one, wait until it is ready, send it messages. A workspace occupies its machine, which may cost money, until it is removed.'

export type McpServer = {
  /** @returns the response to a request; undefined to another message, and to a request that was cancelled */
  answer: (message: Message) => Promise<object | undefined>
}

/** @param client acts with the token of the caller */
export function createMcpServer(client: Client, version: string): McpServer {
  const tools = createTools()
  const running = new Set<unknown>()

  async function resultOf(method: string, params: Message['params']): Promise<object> {
    switch (method) {
      case 'initialize':
        return {
          protocolVersion: negotiate(params['protocolVersion']),
          capabilities: { tools: { listChanged: true } },
          serverInfo: { name: 'molecule-fly', title: 'Molecule Fly', version },
          instructions: INSTRUCTIONS,
        }
      case 'ping':
        return {}
      case 'tools/list':
        return { tools: Object.entries(tools).map(([name, tool]) => describeTool(name, tool)) }
      case 'tools/call':
        return callTool(client, tools, params)
      default:
        throw new RpcError(METHOD_NOT_FOUND, 'Method not found')
    }
  }

  return {
    async answer({ id, method, params }) {
      if (method === 'notifications/cancelled') running.delete(params['requestId'])
      if (method === undefined || id === undefined) return undefined
      running.add(id)
      const outcome = await outcomeOf(id, resultOf(method, params))
      return running.delete(id) ? outcome : undefined
    },
  }
}

async function outcomeOf(id: Id, result: Promise<object>): Promise<object> {
  try {
    return { jsonrpc: '2.0', id, result: await result }
  } catch (error) {
    if (!(error instanceof RpcError)) throw error
    return { jsonrpc: '2.0', id, error: { code: error.code, message: error.message } }
  }
}

function negotiate(wanted: unknown): string | undefined {
  if (typeof wanted !== 'string') throw new RpcError(INVALID_PARAMS, 'protocolVersion must be a string')
  return PROTOCOL_VERSIONS.includes(wanted) ? wanted : PROTOCOL_VERSIONS[0]
}

const describeTool = (name: string, { annotations, description, input, title }: Tool) => ({
  name,
  title,
  description,
  inputSchema: z.toJSONSchema(input, { target: 'draft-7', io: 'input' }),
  annotations: { title, ...annotations },
  execution: { taskSupport: 'forbidden' },
})

async function callTool(
  client: Client,
  tools: Readonly<Record<string, Tool>>,
  { arguments: args = {}, name }: Message['params'],
): Promise<object> {
  if (typeof name !== 'string') throw new RpcError(INVALID_PARAMS, 'name must be a string')
  const tool = Object.hasOwn(tools, name) ? tools[name] : undefined
  if (tool === undefined) return failure(`MCP error ${INVALID_PARAMS}: Tool ${name} not found`)
  const { data, error } = tool.input.safeParse(args)
  if (error !== undefined) {
    const problems = error.issues.map(({ message, path }) => [message, ...path].join(' at '))
    return failure(
      `MCP error ${INVALID_PARAMS}: Input validation error: Invalid arguments for tool ${name}: ${problems.join('\n')}`,
    )
  }
  try {
    const result = await tool.run(client, data as never)
    return { content: [{ type: 'text', text: JSON.stringify(result) }], structuredContent: result }
  } catch (thrown) {
    return failure(failureText(thrown))
  }
}

const failure = (text: string) => ({ content: [{ type: 'text', text }], isError: true })

function failureText(error: unknown): string {
  if (!(error instanceof ApiProblem)) return error instanceof Error ? error.message : String(error)
  const fields = error.errors.map(({ field, message }) => `${field}: ${message}`)
  return [`${error.code}: ${error.message}`, ...fields].join('\n')
}
