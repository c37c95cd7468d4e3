// Serves the static files of `dist/assets/` on Node. On Workers Cloudflare serves them before the Worker runs.
import { join } from 'node:path'
import { serveStatic } from '@hono/node-server/serve-static'
import type { MiddlewareHandler } from 'hono'

const ROOT = join(import.meta.dirname, '../../dist/assets')

export const serveAssets: MiddlewareHandler = serveStatic({
  root: ROOT,
  onFound: (_path, c) => {
    c.header('cache-control', 'public, max-age=3600')
    c.header('x-content-type-options', 'nosniff')
  },
})
