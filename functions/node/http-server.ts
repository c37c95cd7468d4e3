// An HTTP listener on Node for any fetch handler, as a promise that says plainly why it could not listen.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'

/** What a request handler may leave running after its answer: Workers' `waitUntil`, kept by hand on Node. */
export type Background = {
  waitUntil(promise: Promise<unknown>): void
  passThroughOnException(): void
  props: object
}

type Handler = (request: Request, env: unknown) => Response | Promise<Response>

/** Sees every request before the handler, as Node has it; true when it has taken it. */
export type First = (incoming: IncomingMessage, outgoing: ServerResponse) => boolean

/** How slow a request may be: its head, and all of it. Answers have no such limit. */
const HEADERS_MS = 20_000
const REQUEST_MS = 120_000

/** How long an idle connection is kept: longer than the proxies that keep one to us, or they would meet it closing. */
const KEEP_ALIVE_MS = 75_000

/** How often a listener that closes looks for connections that have become idle. */
const IDLE_LOOK_MS = 50

export type Listener = {
  port: number
  /** Stops taking connections, gives open requests `graceMs` to end, each with its connection, then cuts them off. */
  close(graceMs: number): Promise<void>
}

export class PortInUse extends Error {
  override name = 'PortInUse'
}

/**
 * @param setting the variable that moves the port, for the message
 * @throws PortInUse
 */
export function listen(
  handler: Handler,
  options: { host: string; port: number; setting: string; first?: First },
): Promise<Listener> {
  const { first, host, port, setting } = options
  return new Promise((resolve, reject) => {
    // The listener's own way with what a handler leaves unread ends the connection half a second later, also when the next
    // request has come on it by then: see readAway.
    const pass = getRequestListener(handler, { hostname: host, autoCleanupIncoming: false })
    const server = createServer(
      { keepAliveTimeout: KEEP_ALIVE_MS, headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS },
      (incoming, outgoing) => {
        // It came on a connection from before: its answer is the last one there.
        if (!server.listening) outgoing.shouldKeepAlive = false
        if (first?.(incoming, outgoing) === true) return
        outgoing.once('finish', () => readAway(incoming))
        void pass(incoming, outgoing)
      },
    )
    server.listen(port, host, () => {
      const address = server.address()
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : port,
        close: (graceMs) =>
          new Promise((closed) => {
            const cut = setTimeout(() => server.closeAllConnections(), graceMs)
            // Those whose answer was under way are idle only after it.
            const again = setInterval(() => server.closeIdleConnections(), IDLE_LOOK_MS)
            server.close(() => {
              clearTimeout(cut)
              clearInterval(again)
              closed()
            })
          }),
      })
    })
    server.on('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new PortInUse(
              `port ${port} on ${host} is taken by another program: stop it, or set ${setting} to a free port`,
            )
          : error,
      )
    })
  })
}

/**
 * Reads the rest of a body that was answered before all of it had come, so that the connection can carry the next request. How
 * long that may take is limited by the request's time.
 */
function readAway(incoming: IncomingMessage): void {
  if (incoming.readableEnded || incoming.destroyed) return
  // Whoever read it has stopped, and must not gather what is left.
  incoming.removeAllListeners('data')
  incoming.resume()
}
