// An HTTP server that stands for two machines: a well-behaved neighbour, and a hostile one that answers as the current attack
// says. It tells them apart by the header that names the machine, as the Fly Proxy does (docs/facts/fly.md §7.1).
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

const CARD = {
  protocolVersion: '0.3.0',
  name: 'measured',
  url: 'http://localhost:8000/',
  preferredTransport: 'JSONRPC',
  capabilities: { streaming: true },
}

/** Answers one request to the hostile machine. `isCard`: it asks for the agent card. */
export type HostileAnswer = (request: IncomingMessage, response: ServerResponse, isCard: boolean) => void

export type AgentPair = {
  url: string
  /** Makes a machine the hostile one. */
  setHostile(machineId: string): void
  /** Undefined: the hostile machine behaves like its neighbour. */
  setAnswer(answer: HostileAnswer | undefined): void
  close(): Promise<void>
}

export async function startAgentPair(): Promise<AgentPair> {
  let hostileMachine: string | undefined
  let hostileAnswer: HostileAnswer | undefined
  const server = createServer((request, response) => {
    response.on('error', () => response.destroy())
    const isCard = request.method === 'GET'
    const isHostile = request.headers['fly-force-instance-id'] === hostileMachine
    if (isHostile && hostileAnswer !== undefined) {
      hostileAnswer(request, response, isCard)
      return
    }
    void answerWell(request, response, isCard)
  })
  server.on('clientError', (_, socket) => socket.destroy())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    setHostile: (machineId) => (hostileMachine = machineId),
    setAnswer: (answer) => (hostileAnswer = answer),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answerWell(
  request: IncomingMessage,
  response: ServerResponse,
  isCard: boolean,
): Promise<void> {
  response.setHeader('content-type', 'application/json')
  if (isCard) {
    response.end(JSON.stringify(CARD))
    return
  }
  const { id = null } = JSON.parse(await text(request)) as { id?: unknown }
  const result = { kind: 'message', role: 'agent', messageId: 'm', parts: [{ kind: 'text', text: 'ok' }] }
  response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
}
