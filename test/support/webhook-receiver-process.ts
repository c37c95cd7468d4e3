// A receiver of webhooks as somebody else would run one: a process of its own, which believes nothing that the `standardwebhooks`
// library does not verify. What it answers, and how far its clock is ahead, is told to it at /control; what it got is at /received.
import { createServer, type ServerResponse } from 'node:http'
import { Webhook } from 'standardwebhooks'

/** What it answers from now on. */
type Manner = {
  /** Of the endpoints that it is for. */
  secrets?: string[]
  status?: number
  headers?: Record<string, string>
  body?: string
  /** Milliseconds before it answers. */
  lag?: number
  /** Milliseconds that its clock is ahead. */
  ahead?: number
  /** Ids of workspaces whose events it does not take, or types. */
  refuse?: string[]
}
type Data = { seq: number; type: string; workspace_id: string | null }

let manner: Required<Manner> = {
  secrets: [],
  status: 204,
  headers: {},
  body: '',
  lag: 0,
  ahead: 0,
  refuse: [],
}
let received: unknown[] = []
const realNow = Date.now.bind(Date)
Date.now = () => realNow() + manner.ahead

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const text = Buffer.concat(chunks).toString()
    if (request.url === '/control') {
      manner = { ...manner, ...(JSON.parse(text) as Manner) }
      response.end()
    } else if (request.url === '/received') {
      response.end(JSON.stringify(received))
    } else if (request.url === '/forget') {
      received = []
      response.end()
    } else {
      receive(text, request.headers as Record<string, string>, response)
    }
  })
})

function receive(text: string, headers: Record<string, string>, response: ServerResponse) {
  const verified = manner.secrets
    .map((secret) => verify(secret, text, headers))
    .find((one) => one !== undefined)
  const { data } = verified ?? {}
  const refused =
    data === undefined || manner.refuse.some((one) => one === data.workspace_id || one === data.type)
  const status = verified === undefined ? 401 : refused ? 500 : manner.status
  received.push({
    id: headers['webhook-id'],
    verified: verified !== undefined,
    status,
    signatures: headers['webhook-signature']?.split(' ').length,
    type: verified?.type,
    timestamp: verified?.timestamp,
    data,
  })
  const { body, headers: answered } = manner
  setTimeout(() => response.writeHead(status, answered).end(body), manner.lag)
}

function verify(secret: string, text: string, headers: Record<string, string>) {
  try {
    return new Webhook(secret).verify(text, headers) as { type: string; timestamp: string; data: Data }
  } catch {
    return undefined
  }
}

// A connection that is not used for long is still good: tests wait.
server.keepAliveTimeout = 600_000
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`)
})
// Whoever started it has ended.
process.stdin.on('close', () => process.exit(0)).resume()
