// Accepts WebSockets on Node: an upgrade request passes the app like any other, so its rules apply, and becomes a WebSocket
// if a route accepts it.
import type { IncomingMessage, Server } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { type WebSocket, WebSocketServer } from 'ws'
import { readBoundedText } from '../../lib/platform/bounded-reader.ts'
import type { AcceptSocket, LiveSocket } from '../http/live-socket.ts'

type Serve = (socket: LiveSocket) => Promise<void>
type Handler = (request: Request, env: unknown) => Response | Promise<Response>

/** The longest message of a client, in bytes. Clients have nothing to say. */
const MAX_MESSAGE = 4_096

/** The longest answer to a refused upgrade, in bytes. */
const MAX_REFUSAL = 65_536

/** What may be buffered for a client that reads slowly, in bytes, and how often it is looked at. */
const MAX_BUFFERED = 1_000_000
const LOOK_EVERY_MS = 50

/** The handler finds this in its environment. */
type UpgradeEnv = { incoming: IncomingMessage; accept: (serve: Serve) => void }

/** The connection is made after the app's answer, which must be a success. */
export const acceptSocket: AcceptSocket = (c, serve) => {
  const { accept } = c.env as UpgradeEnv
  accept(serve)
  return new Response(null, { status: 204 })
}

/** @returns closes all connections at once */
export function acceptUpgrades(server: Server, handler: Handler): () => void {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE,
    perMessageDeflate: false,
  })

  async function upgrade(incoming: IncomingMessage, connection: Duplex, head: Buffer): Promise<void> {
    let serve: Serve | undefined
    const env: UpgradeEnv = { incoming, accept: (wanted) => (serve = wanted) }
    const answer = await handler(toRequest(incoming), env)
    if (connection.destroyed) return
    if (serve === undefined || !answer.ok) return refuse(connection, answer)
    const accepted = serve
    sockets.handleUpgrade(incoming, connection, head, (socket) => void accepted(toLiveSocket(socket)))
  }

  server.on('upgrade', (incoming, connection, head) => {
    // A connection that breaks meanwhile is seen as destroyed.
    connection.on('error', () => {})
    upgrade(incoming, connection, head).catch(() => connection.destroy())
  })
  return () => {
    for (const socket of sockets.clients) socket.terminate()
  }
}

function toRequest({ headers, url = '/' }: IncomingMessage): Request {
  const pairs = Object.entries(headers).flatMap(([name, value]): [string, string][] =>
    value === undefined ? [] : [[name, String(value)]],
  )
  return new Request(new URL(url, `http://${headers.host ?? 'localhost'}`), { headers: pairs })
}

async function refuse(connection: Duplex, answer: Response): Promise<void> {
  const body = await readBoundedText(answer, MAX_REFUSAL)
  const status = answer.ok ? 400 : answer.status
  const headers = [
    ...answer.headers,
    ['content-length', String(Buffer.byteLength(body))],
    ['connection', 'close'],
  ]
  const head = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  connection.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${head}\r\n${body}`)
}

function toLiveSocket(socket: WebSocket): LiveSocket {
  const closed = new AbortController()
  socket.on('close', () => closed.abort())
  // An error is followed by the end of the connection.
  socket.on('error', () => {})
  return {
    closed: closed.signal,
    send: (text) => socket.send(text),
    async drained() {
      while (socket.bufferedAmount > MAX_BUFFERED && !closed.signal.aborted) await delay(LOOK_EVERY_MS)
    },
    close: (code, reason) => socket.close(code, reason),
  }
}
