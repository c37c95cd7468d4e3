// A receiver of webhooks that is independent of our code: its own process, which accepts only what the `standardwebhooks` library
// verifies. POST /control sets its responses and its clock; GET /received returns what it received.
import { createServer, type ServerResponse } from 'node:http'
import { Webhook } from 'standardwebhooks'

/** How it answers from now on. */
type Behaviour = {
  /** Secrets of the endpoints that it accepts. */
  secrets?: string[]
  status?: number
  headers?: Record<string, string>
  body?: string
  /** Milliseconds before it answers. */
  delay?: number
  /** Milliseconds that its clock is ahead. */
  ahead?: number
  /** Ids of workspaces, or types of events, that it answers with 500. */
  refuse?: string[]
}
type Data = { seq: number; type: string; workspace_id: string | null }

let behaviour: Required<Behaviour> = {
  secrets: [],
  status: 204,
  headers: {},
  body: '',
  delay: 0,
  ahead: 0,
  refuse: [],
}
let received: unknown[] = []
const realNow = Date.now.bind(Date)
Date.now = () => realNow() + behaviour.ahead

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const text = Buffer.concat(chunks).toString()
    if (request.url === '/control') {
      behaviour = { ...behaviour, ...(JSON.parse(text) as Behaviour) }
      response.end()
    } else if (request.url === '/received') {
      response.end(JSON.stringify(received))
    } else if (request.url === '/clear') {
      received = []
      response.end()
    } else {
      receive(text, request.headers as Record<string, string>, response)
    }
  })
})

function receive(text: string, headers: Record<string, string>, response: ServerResponse) {
  const verified = behaviour.secrets
    .map((secret) => verify(secret, text, headers))
    .find((one) => one !== undefined)
  const { data } = verified ?? {}
  const refused =
    data === undefined || behaviour.refuse.some((one) => one === data.workspace_id || one === data.type)
  const status = verified === undefined ? 401 : refused ? 500 : behaviour.status
  received.push({
    id: headers['webhook-id'],
    verified: verified !== undefined,
    status,
    signatures: headers['webhook-signature']?.split(' ').length,
    type: verified?.type,
    timestamp: verified?.timestamp,
    data,
  })
  const { body, headers: answered } = behaviour
  setTimeout(() => response.writeHead(status, answered).end(body), behaviour.delay)
}

function verify(secret: string, text: string, headers: Record<string, string>) {
  try {
    return new Webhook(secret).verify(text, headers) as { type: string; timestamp: string; data: Data }
  } catch {
    return undefined
  }
}

// Tests move the clock between requests, and idle connections must stay usable.
server.keepAliveTimeout = 600_000
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`)
})
// The parent has ended.
process.stdin.on('close', () => process.exit(0)).resume()
