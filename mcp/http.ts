// The MCP server over streamable HTTP, without sessions and streams: each request has a server of its own, and its answer is JSON.
import { createClient } from '../client/client.ts'
import { INVALID_REQUEST, type Message, PARSE_ERROR, readMessage } from './messages.ts'
import { createMcpServer, PROTOCOL_VERSIONS } from './server.ts'

export type McpOptions = {
  /** The caller's token; undefined on an open server. */
  token: string | undefined
  version: string
  /** Sends a request to the API. */
  fetch: (request: Request) => Response | Promise<Response>
}

/** Clients of protocol 2025-03-26 may send several messages at once. */
const MOST_MESSAGES = 100

/** The code of a refusal that has none in JSON-RPC. */
const REFUSED = -32_000

export async function answerMcp(request: Request, { fetch, token, version }: McpOptions): Promise<Response> {
  const accepted = request.headers.get('accept') ?? ''
  if (!accepted.includes('application/json') || !accepted.includes('text/event-stream'))
    return refuse(
      406,
      REFUSED,
      'Not Acceptable: Client must accept both application/json and text/event-stream',
    )
  const [type = ''] = (request.headers.get('content-type') ?? '').split(';')
  if (type.trim().toLowerCase() !== 'application/json')
    return refuse(415, REFUSED, 'Unsupported Media Type: Content-Type must be application/json')
  const body: unknown = await request.json().catch(() => undefined)
  if (body === undefined) return refuse(400, PARSE_ERROR, 'Parse error: Invalid JSON')
  const values = [body].flat(1)
  if (values.length > MOST_MESSAGES)
    return refuse(400, INVALID_REQUEST, `Invalid Request: Batch must not exceed ${MOST_MESSAGES} messages`)
  const messages = values.flatMap((value) => readMessage(value) ?? [])
  if (messages.length < values.length)
    return refuse(400, PARSE_ERROR, 'Parse error: Invalid JSON-RPC message')
  const problem = problemOf(messages, request.headers.get('mcp-protocol-version'))
  if (problem !== undefined) return problem

  const client = createClient({
    url: new URL(request.url).origin,
    token,
    fetch: async (input, init) => fetch(new Request(input, init)),
  })
  const server = createMcpServer(client, version)
  const answers = await Promise.all(messages.map((message) => server.answer(message)))
  const [first, ...others] = answers.filter((answer) => answer !== undefined)
  if (first === undefined) return new Response(null, { status: 202 })
  return Response.json(others.length === 0 ? first : [first, ...others])
}

function problemOf(messages: readonly Message[], version: string | null): Response | undefined {
  if (messages.some(({ id, method }) => method === 'initialize' && id !== undefined))
    return messages.length === 1
      ? undefined
      : refuse(400, INVALID_REQUEST, 'Invalid Request: Only one initialization request is allowed')
  if (version === null || PROTOCOL_VERSIONS.includes(version)) return undefined
  const supported = PROTOCOL_VERSIONS.join(', ')
  return refuse(
    400,
    REFUSED,
    `Bad Request: Unsupported protocol version: ${version} (supported versions: ${supported})`,
  )
}

const refuse = (status: number, code: number, message: string): Response =>
  Response.json({ jsonrpc: '2.0', error: { code, message }, id: null }, { status })
