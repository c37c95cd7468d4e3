// An agent that is only a TCP listener: it parses requests, and each test decides what happens on the socket.
import { createServer, type Server, type Socket } from 'node:net'

export type Arrival = { head: string; body: string; socket: Socket; closed: Promise<void> }

/** A TCP listener that parses requests and passes each to the test. */
export function createTcpAgent() {
  const arrivals: Arrival[] = []
  const sockets = new Set<Socket>()
  let answer: (arrival: Arrival) => void = ok
  let server: Server | undefined
  let port = 0

  function serve(socket: Socket): void {
    sockets.add(socket)
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    void closed.then(() => sockets.delete(socket))
    socket.on('error', () => {})
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      for (;;) {
        const end = text.indexOf('\r\n\r\n')
        if (end === -1) return
        const head = text.slice(0, end)
        const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
        if (Buffer.byteLength(text.slice(end + 4)) < length) return
        const arrival = { head, body: text.slice(end + 4, end + 4 + length), socket, closed }
        text = text.slice(end + 4 + length)
        if (head.startsWith('GET /.well-known/')) json(arrival, { name: 'raw' })
        else {
          arrivals.push(arrival)
          answer(arrival)
        }
      }
    })
  }

  return {
    arrivals,
    get url() {
      return `http://127.0.0.1:${port}`
    },
    setAnswer: (next: (arrival: Arrival) => void) => void (answer = next),
    async listen() {
      server = createServer(serve)
      await new Promise<void>((resolve) => server?.listen(port, '127.0.0.1', resolve))
      port = (server.address() as { port: number }).port
    },
    async refuse() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server?.close(resolve))
      server = undefined
    },
    get isListening() {
      return server !== undefined
    },
  }
}

function json({ socket }: Arrival, body: unknown): void {
  const text = JSON.stringify(body)
  socket.write(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  )
}

export const ok = (arrival: Arrival) => json(arrival, { jsonrpc: '2.0', id: 1, result: { kind: 'message' } })

/** Writes bytes again and again, until the other side closes the connection. */
export function pour(socket: Socket, head: string, piece: string): void {
  const write = () => !socket.destroyed && socket.write(piece.repeat(1_000), () => setImmediate(write))
  socket.write(head, write)
}
