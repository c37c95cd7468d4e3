// GET /console: the page that people keep open. The document is here, so that its policy is sent with it on every platform; its
// script and style sheet are static files of `dist/assets/console/` (commands/build.ts), which Cloudflare serves outside the Worker.
import { type MiddlewareHandler, Hono } from 'hono'
import type { AppEnv } from '../http/app-env.ts'

/**
 * Everything comes from this server, and nothing is inline: what an agent wrote cannot become a script or a style, even
 * where the page showed it as markup by mistake.
 */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

const PAGE = `<!doctype html>
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <title>Workspaces</title>
      <link rel="icon" type="image/svg+xml" href="/console/icon.svg" />
      <link rel="stylesheet" href="/console/console.css" />
      <script type="module" src="/console/console.js"></script>
    </head>
    <body>
      <div id="console">
        <noscript>The console needs JavaScript. The API works without it: see /docs.</noscript>
      </div>
    </body>
  </html>`

export function consoleRoutes(serveAssets: MiddlewareHandler | undefined) {
  const app = new Hono<AppEnv>()
  app.get('/', (c) => c.redirect('/console'))
  app.get('/console', (c) => {
    c.header('content-security-policy', CONTENT_SECURITY_POLICY)
    c.header('cache-control', 'no-cache')
    return c.html(PAGE)
  })
  app.get('/console/:file', serveAssets ?? ((c) => c.notFound()))
  return app
}
