// POST /mcp: the MCP server (mcp/). Each tool calls this app again with the caller's own token, so tools have the
// caller's rights, limits and audit entries.
import { type Context, Hono } from 'hono'
import { answerMcp } from '../../mcp/http.ts'
import type { AppEnv } from '../http/app-env.ts'
import { tokenOf } from '../http/authenticate.ts'
import { VERSION } from '../http/version.ts'

/** @param request sends a request to this app, from the same address */
export function mcpRoutes(request: (request: Request, c: Context<AppEnv>) => Response | Promise<Response>) {
  const app = new Hono<AppEnv>()
  app.post('/mcp', async (c) => {
    const { headers, signal } = c.req.raw
    // The limit of bodies may have read it.
    const body = await c.req.text()
    return answerMcp(new Request(c.req.url, { method: 'POST', headers, signal, body }), {
      token: tokenOf(c.req.header('authorization')),
      version: VERSION,
      fetch: (inner) => request(inner, c),
    })
  })
  return app
}
