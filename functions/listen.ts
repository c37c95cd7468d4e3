// An HTTP listener on Node for any fetch handler, as a promise that says plainly why it could not listen.
import { serve } from '@hono/node-server'

/** What a request handler may leave running after its answer: Workers' `waitUntil`, kept by hand on Node. */
export type Background = {
  waitUntil(promise: Promise<unknown>): void
  passThroughOnException(): void
  props: object
}

type Handler = (request: Request, env: unknown) => Response | Promise<Response>

export type Listener = {
  port: number
  /** Stops taking connections, gives open requests `graceMs` to end, then cuts them off. */
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
  options: { host: string; port: number; setting: string },
): Promise<Listener> {
  const { host, port, setting } = options
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: handler, hostname: host, port }, (address) => {
      resolve({
        port: address.port,
        close: (graceMs) =>
          new Promise((closed) => {
            const cut = setTimeout(
              () => 'closeAllConnections' in server && server.closeAllConnections(),
              graceMs,
            )
            server.close(() => {
              clearTimeout(cut)
              closed()
            })
            if ('closeIdleConnections' in server) server.closeIdleConnections()
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
