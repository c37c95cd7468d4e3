// The MCP server over streamable HTTP, without sessions: each request has a server of its own.
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import { createClient } from '../client/client.ts'
import { createMcpServer } from './server.ts'

export type McpOptions = {
  /** The caller's token; undefined on an open server. */
  token: string | undefined
  version: string
  /** Sends a request to the API. */
  fetch: (request: Request) => Response | Promise<Response>
}

export async function answerMcp(request: Request, { fetch, token, version }: McpOptions): Promise<Response> {
  const client = createClient({
    url: new URL(request.url).origin,
    token,
    fetch: async (input, init) => fetch(new Request(input, init)),
  })
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true })
  await createMcpServer(client, version).connect(transport)
  return transport.handleRequest(request)
}
