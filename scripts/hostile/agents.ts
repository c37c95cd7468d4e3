// An HTTP server that stands for two machines: a well-behaved neighbour, and a hostile one that answers as the current attack
// says. It tells them apart by the header that names the machine, as the Fly Proxy does (docs/facts/fly.md §7.1). It runs in a
// process of its own, so that its work delays neither the server nor the measurement.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { ATTACKS } from './attacks/all.ts'
import type { HostileAnswer } from './attacks/attack.ts'

/** `attack`: the name of the attack that the hostile machine carries out; none: it behaves like its neighbour. */
export type AgentsCommand = { hostileMachine: string; attack: string | undefined }

/** The answer to a command: what the hostile machine has written since the last one. */
export type AgentsAnswer = { answers: number; bytes: number }

const CARD = {
  protocolVersion: '0.3.0',
  name: 'measured',
  url: 'http://localhost:8000/',
  preferredTransport: 'JSONRPC',
  capabilities: { streaming: true },
}

let hostileMachine: string | undefined
let hostileAnswer: HostileAnswer | undefined
let answers = 0
let bytes = 0

const server = createServer((request, response) => {
  response.on('error', () => response.destroy())
  request.on('error', () => {})
  const isCard = request.method === 'GET'
  if (request.headers['fly-force-instance-id'] === hostileMachine) {
    request.resume()
    if (hostileAnswer === undefined) return answer(response, null, isCard)
    answers++
    countBytes(response)
    return hostileAnswer(request, response, isCard)
  }
  void answerWell(request, response, isCard)
})
server.on('clientError', (_, socket) => socket.destroy())

function countBytes({ socket }: ServerResponse): void {
  if (socket === null || counted.has(socket)) return
  counted.add(socket)
  let before = socket.bytesWritten
  const count = () => {
    bytes += socket.bytesWritten - before
    before = socket.bytesWritten
    if (socket.destroyed) counters.delete(count)
  }
  counters.add(count)
}

const counted = new WeakSet<Socket>()
const counters = new Set<() => void>()

async function answerWell(
  request: IncomingMessage,
  response: ServerResponse,
  isCard: boolean,
): Promise<void> {
  const { id = null } = isCard ? {} : (JSON.parse(await text(request)) as { id?: unknown })
  answer(response, id, isCard)
}

function answer(response: ServerResponse, id: unknown, isCard: boolean): void {
  const result = { kind: 'message', role: 'agent', messageId: 'm', parts: [{ kind: 'text', text: 'ok' }] }
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify(isCard ? CARD : { jsonrpc: '2.0', id, result }))
}

process.on('message', (command: AgentsCommand) => {
  hostileMachine = command.hostileMachine
  const attack = ATTACKS.find(({ name }) => name === command.attack)
  attack?.prepare?.()
  hostileAnswer = attack?.answer
  for (const count of counters) count()
  const written: AgentsAnswer = { answers, bytes }
  answers = bytes = 0
  process.send?.(written)
})
process.on('disconnect', () => process.exit())
process.on('SIGINT', () => {})
server.listen(0, '127.0.0.1', () =>
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }),
)
