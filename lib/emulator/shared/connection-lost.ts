// The error for a connection that ends without an HTTP response. Inside the process it is a rejected promise, as
// `fetch` rejects when a socket breaks. Behind a Node HTTP server it closes the socket with nothing written.

/**
 * `api.fetch` and `proxy` reject with this error when Fly would give no HTTP response: the reply was lost after the
 * action was done, or the host name has no DNS record. It is a TypeError because a network error of `fetch` is one.
 */
export class ConnectionLost extends TypeError {
  override name = 'ConnectionLost'
}

type NodeOutgoing = { outgoing?: { destroy(): unknown } }

/**
 * Wraps a fetch handler for `serve` of @hono/node-server: where the handler rejects with {@link ConnectionLost}, the
 * client's socket is destroyed instead of a 500 being sent.
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
      // With this header @hono/node-server sends nothing.
      return new Response(null, { headers: { 'x-hono-already-sent': 'true' } })
    }
  }
}
