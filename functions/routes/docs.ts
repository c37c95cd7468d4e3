// GET /docs: the API reference. The page is Scalar's, from this server alone, so it works offline.
import { type MiddlewareHandler, Hono } from 'hono'
import type { AppEnv } from '../http/app-env.ts'

/**
 * Scripts come from this server only. Scalar sets styles on elements, which needs `unsafe-inline` for styles; images
 * may be inlined in the page's own style sheet.
 */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const PAGE = `<!doctype html>
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <title>API reference</title>
      <link rel="icon" href="data:," />
    </head>
    <body>
      <div id="reference"></div>
      <script src="/docs/scalar.js"></script>
      <script src="/docs/start.js"></script>
    </body>
  </html>`

export function docsRoutes(serveAssets: MiddlewareHandler | undefined) {
  const app = new Hono<AppEnv>()
  app.get('/docs', (c) => {
    c.header('content-security-policy', CONTENT_SECURITY_POLICY)
    return c.html(PAGE)
  })
  app.get('/docs/:file', serveAssets ?? ((c) => c.notFound()))
  return app
}
