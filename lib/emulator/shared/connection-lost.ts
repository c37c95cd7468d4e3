// A connection that dies without an answer. In the process it is a rejected promise, as `fetch` rejects when a socket
// breaks; behind a Node HTTP server it must become a socket that is closed with nothing written.

/**
 * What `api.fetch` and `proxy` reject with when Fly would have given no HTTP answer: the reply to a done request was
 * lost, or there is no DNS name to ask. It is a TypeError because that is what a network error of `fetch` is.
 */
export class ConnectionLost extends TypeError {
  override name = 'ConnectionLost'
}

type NodeOutgoing = { outgoing?: { destroy(): unknown } }

/**
 * Wraps a fetch handler for `serve` of @hono/node-server: where the handler rejects with {@link ConnectionLost}, the
 * client's socket is destroyed instead of being answered with a 500.
 */
export function withLostConnections(
  handler: (request: Request) => Response | Promise<Response>,
): (request: Request, env: unknown) => Promise<Response> {
  return async (request, env) => {
    try {
      return await handler(request)
    } catch (error) {
      const outgoing = (env as NodeOutgoing | undefined)?.outgoing
      if (!(error instanceof ConnectionLost) || outgoing === undefined) throw error
      outgoing.destroy()
      // The header by which @hono/node-server is told that there is nothing left to send.
      return new Response(null, { headers: { 'x-hono-already-sent': 'true' } })
    }
  }
}
