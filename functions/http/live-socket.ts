// A WebSocket as a route sees it. Each runtime accepts one in its own way (functions/node/web-sockets.ts,
// functions/worker/accept-socket.ts).
import type { Context } from 'hono'
import type { AppEnv } from './app-env.ts'

export type LiveSocket = {
  send(text: string): void
  /** Resolves when the client has read most of what was sent, as far as the runtime knows. */
  drained(): Promise<void>
  /** @param code a close code of RFC 6455; those from 4000 are an application's own */
  close(code: number, reason: string): void
  /** Aborts when the connection is closed, by either side. */
  closed: AbortSignal
}

/** Accepts the WebSocket of a request. @param serve uses it; the connection may outlive the request */
export type AcceptSocket = (c: Context<AppEnv>, serve: (socket: LiveSocket) => Promise<void>) => Response
