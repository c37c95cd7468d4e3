// A small agent: it remembers on the disk of its workspace. Replace `answer` with what your agent does. It speaks A2A 0.3 over
// JSON-RPC (`message/send` and `message/stream`) without any package, and Node runs it as it is.
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { DISK, inboundSecret, PORT, PUBLIC_URL, register, sendHeartbeats, work } from './workspace.ts'

const CARD = {
  protocolVersion: '0.3.0',
  name: process.env['AGENT_NAME'] ?? 'typescript-agent',
  description: 'Remembers what it is told.',
  version: '1.0.0',
  url: PUBLIC_URL,
  preferredTransport: 'JSONRPC',
  capabilities: { streaming: true, pushNotifications: false },
  defaultInputModes: ['text/plain'],
  defaultOutputModes: ['text/plain'],
  skills: [{ id: 'memory', name: 'Memory', description: 'Remembers lines of text.', tags: ['memory'] }],
}
const CARD_PATHS = ['/.well-known/agent-card.json', '/.well-known/agent.json']
const MAX_BODY_BYTES = 10_000_000

/** Yields the answer to one message in pieces. `message/stream` sends each piece as soon as it is there. */
async function* answer(text: string): AsyncGenerator<string> {
  const notes = join(DISK, 'notes.txt')
  const [, thing] = /^remember (.+)$/is.exec(text) ?? []
  if (thing !== undefined) {
    mkdirSync(DISK, { recursive: true })
    appendFileSync(notes, `${thing.trim().replaceAll('\n', ' ')}\n`)
    yield 'I will remember it.'
  } else if (/^what do you remember/i.test(text)) {
    const lines = existsSync(notes) ? readFileSync(notes, 'utf8').trim().split('\n') : []
    yield lines.length === 0 ? 'I remember nothing.' : 'I remember: '
    for (const [index, line] of lines.entries()) yield (index === 0 ? '' : '; ') + line
  } else {
    yield `You said: ${text}`
  }
}

type Call = {
  id?: unknown
  method?: unknown
  params?: { message?: { contextId?: string; parts?: { text?: unknown }[] } }
}

/** An error of JSON-RPC. */
class CallError extends Error {
  readonly code: number
  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

async function serveCall(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let id: unknown = null
  work.active++
  work.requests++
  try {
    const call = parseCall(await readBody(request))
    id = call.id ?? null
    if (call.method !== 'message/send' && call.method !== 'message/stream')
      throw new CallError(-32601, `unknown method ${String(call.method)}`)
    const message = call.params?.message
    if (!Array.isArray(message?.parts)) throw new CallError(-32602, 'params.message.parts is missing')
    // Parts that are no text are left out.
    const text = message.parts
      .map((part) => (typeof part.text === 'string' ? part.text : ''))
      .join('')
      .trim()
    const contextId = message.contextId ?? randomUUID()
    if (call.method === 'message/send') {
      sendJson(response, 200, { jsonrpc: '2.0', id, result: await toMessage(text, contextId) })
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
    for await (const event of toEvents(text, contextId)) {
      response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', id, result: event })}\n\n`)
    }
    response.end()
  } catch (error) {
    const isExpected = error instanceof CallError
    if (!isExpected) {
      work.errors++
      work.sampleError = String(error)
      console.log(`error: ${String(error)}`)
    }
    const code = isExpected ? error.code : -32603
    if (response.headersSent) response.destroy()
    else {
      const message = isExpected ? error.message : 'the agent failed'
      sendJson(response, 200, { jsonrpc: '2.0', id, error: { code, message } })
    }
  } finally {
    work.active--
  }
}

async function toMessage(text: string, contextId: string): Promise<object> {
  let whole = ''
  for await (const piece of answer(text)) whole += piece
  const parts = [{ kind: 'text', text: whole }]
  return { kind: 'message', role: 'agent', messageId: randomUUID(), contextId, parts }
}

/** The answer as a task: its beginning, one piece of an artifact at a time, its end. */
async function* toEvents(text: string, contextId: string): AsyncGenerator<object> {
  const ids = { taskId: randomUUID(), contextId }
  yield { kind: 'task', id: ids.taskId, contextId, status: { state: 'working' } }
  let append = false
  for await (const piece of answer(text)) {
    const artifact = { artifactId: 'answer', parts: [{ kind: 'text', text: piece }] }
    yield { kind: 'artifact-update', ...ids, artifact, append }
    append = true
  }
  yield { kind: 'status-update', ...ids, status: { state: 'completed' }, final: true }
}

function parseCall(body: string): Call {
  let call: unknown
  try {
    call = JSON.parse(body)
  } catch {
    throw new CallError(-32700, 'the body is no JSON')
  }
  if (typeof call !== 'object' || call === null) throw new CallError(-32600, 'the body must be a JSON object')
  return call
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > MAX_BODY_BYTES) throw new CallError(-32600, 'the body is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

/** A machine's app may have public addresses: without this check anyone could talk to the agent. */
function isFromPlatform(request: IncomingMessage): boolean {
  const secret = inboundSecret()
  if (secret === undefined) return true
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(request.headers.authorization ?? ''), digest(`Bearer ${secret}`))
}

const server = createServer((request, response) => {
  const path = request.url?.split('?', 1)[0] ?? '/'
  if (request.method === 'GET' && CARD_PATHS.includes(path)) sendJson(response, 200, CARD)
  else if (request.method !== 'POST' || path !== '/') sendJson(response, 404, { error: 'not found' })
  else if (!isFromPlatform(request)) sendJson(response, 401, { error: 'unauthorized' })
  else void serveCall(request, response)
})

const stop = new AbortController()
// Fly stops a machine with SIGINT, Docker with SIGTERM.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    stop.abort()
    // Waits for the messages that are being answered.
    server.close(() => {
      console.log('stopped')
      process.exit(0)
    })
    server.closeIdleConnections()
  })
}

// 0.0.0.0: a program that listens on 127.0.0.1 cannot be reached from outside its machine.
server.listen(PORT, '0.0.0.0', () => {
  console.log(`listening on port ${PORT}`)
  void register(CARD)
  void sendHeartbeats(stop.signal)
})
