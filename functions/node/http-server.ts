// An HTTP listener on Node for any fetch handler. It reports a port that is in use as an error of its own.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { acceptUpgrades } from './web-sockets.ts'

/** Work that continues after a response: the counterpart of a Worker's execution context. */
export type Background = {
  waitUntil(promise: Promise<unknown>): void
  passThroughOnException(): void
  props: object
}

type Handler = (request: Request, env: unknown) => Response | Promise<Response>

/** Receives every request before the handler, as Node's own objects; returns true when it answers the request. */
export type NodeHandler = (incoming: IncomingMessage, outgoing: ServerResponse) => boolean

/**
 * Time limits of a request: for its headers, and for all of it. Responses have no such limit. A file of 100 MiB arrives no
 * faster than the provider takes it, which is about a minute and can be several.
 */
const HEADERS_TIMEOUT_MS = 20_000
const REQUEST_TIMEOUT_MS = 300_000

/** Longer than proxies keep idle connections, so that none sends a request on a connection that is being closed. */
const KEEP_ALIVE_MS = 75_000

/** How often a closing listener closes connections that have become idle. */
const CLOSE_IDLE_EVERY_MS = 50

export type Listener = {
  port: number
  /** Accepts no more connections, waits up to `graceMs` for open requests, then closes all connections. */
  close(graceMs: number): Promise<void>
}

export class PortInUse extends Error {
  override name = 'PortInUse'
}

export type ListenOptions = {
  host: string
  /** 0 for any free port. */
  port: number
  /** The environment variable that sets the port, for the error message. */
  setting: string
  beforeApp?: NodeHandler
}

/** @throws PortInUse */
export function listen(handler: Handler, options: ListenOptions): Promise<Listener> {
  const { beforeApp, host, port, setting } = options
  return new Promise((resolve, reject) => {
    // With autoCleanupIncoming, the listener closes a connection half a second after a response to a request that was
    // not read to its end, even if the next request has arrived on it. drainRequest replaces it.
    const handle = getRequestListener(handler, { hostname: host, autoCleanupIncoming: false })
    const server = createServer(
      {
        keepAliveTimeout: KEEP_ALIVE_MS,
        headersTimeout: HEADERS_TIMEOUT_MS,
        requestTimeout: REQUEST_TIMEOUT_MS,
      },
      (incoming, outgoing) => {
        // After close(), a response is the last one on its connection.
        if (!server.listening) outgoing.shouldKeepAlive = false
        if (beforeApp?.(incoming, outgoing) === true) return
        outgoing.once('finish', () => drainRequest(incoming))
        void handle(incoming, outgoing)
      },
    )
    const closeSockets = acceptUpgrades(server, handler)
    server.listen(port, host, () => {
      const address = server.address()
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : port,
        close: (graceMs) =>
          new Promise((closed) => {
            const deadline = setTimeout(() => {
              server.closeAllConnections()
              closeSockets()
            }, graceMs)
            // Connections become idle when their responses end.
            const interval = setInterval(() => server.closeIdleConnections(), CLOSE_IDLE_EVERY_MS)
            server.close(() => {
              clearTimeout(deadline)
              clearInterval(interval)
              closed()
            })
          }),
      })
    })
    server.on('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new PortInUse(
              `port ${port} on ${host} is in use by another program: stop it, or set ${setting} to a free port`,
            )
          : error,
      )
    })
  })
}

/**
 * Discards the rest of a body that was answered before it had arrived, so that the connection can carry the next
 * request. The request timeout limits how long that takes.
 */
function drainRequest(incoming: IncomingMessage): void {
  if (incoming.readableEnded || incoming.destroyed) return
  incoming.removeAllListeners('data')
  incoming.resume()
}
