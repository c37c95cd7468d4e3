// The MCP server: the tools, over any transport. `/mcp` serves it over streamable HTTP, `molecule-fly mcp` over stdio.
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import type { jsonSchemaValidator } from '@modelcontextprotocol/sdk/validation'
import { ApiProblem } from '../client/problem.ts'
import type { Client } from '../client/client.ts'
import { TOOLS } from './tools.ts'

const INSTRUCTIONS =
  'Workspaces are machines with one AI agent each. Create one, wait until it is ready, send it messages. A workspace occupies its machine, which may cost money, until it is removed.'

/**
 * Replaces the default validator, which generates code: Workers do not allow that. The SDK uses it only for tools that ask
 * their user for input, and no tool does. zod checks the inputs of tools.
 */
const NO_VALIDATOR: jsonSchemaValidator = {
  getValidator: () => () => {
    throw new Error('no tool asks its user for input')
  },
}

/** @param client acts with the token of the caller */
export function createMcpServer(client: Client, version: string): McpServer {
  const server = new McpServer(
    { name: 'molecule-fly', title: 'Molecule Fly', version },
    { instructions: INSTRUCTIONS, jsonSchemaValidator: NO_VALIDATOR },
  )
  for (const [name, { annotations, description, input, run, title }] of Object.entries(TOOLS)) {
    server.registerTool(
      name,
      { title, description, inputSchema: input.shape, annotations: { title, ...annotations } },
      async (args: unknown) => {
        try {
          const result = await run(client, args as never)
          return { content: [{ type: 'text', text: JSON.stringify(result) }], structuredContent: result }
        } catch (error) {
          return { content: [{ type: 'text', text: failureText(error) }], isError: true }
        }
      },
    )
  }
  return server
}

function failureText(error: unknown): string {
  if (!(error instanceof ApiProblem)) return error instanceof Error ? error.message : String(error)
  const fields = error.errors.map(({ field, message }) => `${field}: ${message}`)
  return [`${error.code}: ${error.message}`, ...fields].join('\n')
}
