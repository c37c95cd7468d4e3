// The app is a function of its services: the same on Workers, on Node and in tests. Middleware in order, routes, and the
// one place where an error becomes an answer.
import { OpenAPIHono } from '@hono/zod-openapi'
import { bodyLimit } from 'hono/body-limit'
import { secureHeaders } from 'hono/secure-headers'
import { DomainError } from '../lib/platform/errors.ts'
import type { Services } from '../lib/control-plane/services.ts'
import { a2aRoutes } from './routes/a2a/routes.ts'
import { activityRoutes } from './routes/activity.ts'
import type { AppEnv } from './http/app-env.ts'
import { matchA2a } from './routes/a2a/handler.ts'
import { A2A, countRequest, finishSpan } from './http/observe-request.ts'
import { auditRoutes, createAudit } from './routes/audit.ts'
import { createAuthenticator, type Exposure } from './http/authenticate.ts'
import { agentCardRoutes } from './routes/a2a/agent-card.ts'
import { corsHeaders, preflightHeaders } from './middleware/cors.ts'
import { delegationRoutes } from './routes/delegations.ts'
import { type ApiDocument, docsPage } from './routes/docs.ts'
import { eventRoutes } from './routes/events/routes.ts'
import { fleetRoutes } from './routes/fleet.ts'
import { registryWebhookRoutes } from './routes/registry-webhooks.ts'
import { authorizeRequests } from './middleware/authorize.ts'
import { healthRoutes } from './routes/health.ts'
import { hookRoutes } from './routes/hooks.ts'
import { hookDeliveryRoutes } from './routes/hook-deliveries.ts'
import { messageRoutes } from './routes/messages/routes.ts'
import { moleculeEventRoutes } from './routes/molecule-compat/events.ts'
import { moleculeCompatRoutes } from './routes/molecule-compat/routes.ts'
import { peerRoutes } from './routes/peers.ts'
import { toDomainError, toProblem } from './http/problem.ts'
import { registryRoutes } from './routes/registry.ts'
import { rolloutRoutes } from './routes/rollouts.ts'
import { secretRoutes } from './routes/secrets.ts'
import { tokenRoutes } from './routes/tokens.ts'
import { VERSION } from './http/version.ts'
import { webhookDeliveryRoutes } from './routes/webhook-deliveries.ts'
import { webhookEndpointRoutes } from './routes/webhook-endpoints.ts'
import { workspaceRoutes } from './routes/workspaces/routes.ts'
import { workspaceCommandRoutes } from './routes/workspaces/commands.ts'

/** Largest body of everything but A2A. */
const MAX_BODY_BYTES = 1024 * 1024

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

export function createApp(services: Services, openness: Exposure) {
  const app = new OpenAPIHono<AppEnv>()

  app.use((c, next) => {
    const requestId = crypto.randomUUID()
    c.set('requestId', requestId)
    const started = performance.now()
    const { method, path } = c.req
    const parent = c.req.header('traceparent')
    const attributes = { 'http.request.method': method, 'molecule.request_id': requestId }
    return services.tracer.span(method, { kind: 'server', parent, attributes }, async (span) => {
      await next()
      c.header('x-request-id', requestId)
      const seconds = (performance.now() - started) / 1000
      const asked = c.get('door')
      const door = asked?.name ?? (matchA2a(path) === undefined ? 'none' : A2A)
      const { status } = c.res
      countRequest(services.metrics, door, status, seconds)
      finishSpan(span, door, status, asked?.workspaceId)
      services.log('info', 'request', {
        request_id: requestId,
        method,
        path,
        status,
        ms: Math.round(seconds * 1000),
        workspace_id: asked?.workspaceId,
        traceparent: span.traceparent ?? parent,
      })
    })
  })
  app.onError((error, c) => {
    const failure = toDomainError(error)
    // Without a cause it is the caller's workspace that is not available, and nothing of ours.
    if (failure.code === 'internal' || (failure.code === 'unavailable' && failure.cause !== undefined)) {
      services.log('error', 'a request failed', { request_id: c.get('requestId'), error: failure.cause })
    }
    return toProblem(c, failure)
  })
  app.notFound((c) => {
    const { method, path } = c.req
    const allowed = METHODS.filter((other) =>
      app.router.match(other, path)[0].some(([[, route]]) => route.method === other),
    )
    if (allowed.length === 0)
      return toProblem(c, new DomainError('not_found', `there is no ${method} ${path}; see /docs`))
    c.header('allow', allowed.join(', '))
    return toProblem(
      c,
      new DomainError(
        'method_not_allowed',
        `${method} is not a method of ${path}: it takes ${allowed.join(', ')}`,
      ),
    )
  })

  app.use(async (c, next) => {
    const { corsOrigins } = services.config
    const origin = c.req.header('origin')
    if (c.req.method === 'OPTIONS' && c.req.header('access-control-request-method') !== undefined) {
      const asked = c.req.header('access-control-request-headers')
      return c.body(null, 204, preflightHeaders(corsOrigins, origin, asked))
    }
    await next()
    for (const [name, value] of Object.entries(corsHeaders(corsOrigins, origin)))
      c.header(name, value, { append: name === 'vary' })
  })
  app.use(createAudit(services))
  const identify = createAuthenticator(services, openness)
  app.use(authorizeRequests(services, identify))
  app.route('/', agentCardRoutes(services))
  // A2A has its own limit and its own answers, so it stands before what applies to all the others.
  app.route('/', a2aRoutes(services, openness))

  app.use(secureHeaders({ crossOriginResourcePolicy: false }))
  app.use(
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: () => {
        throw new DomainError('too_large', `the body is larger than ${MAX_BODY_BYTES} bytes`)
      },
    }),
  )
  app.route('/', healthRoutes(services))
  const description = {
    openapi: '3.1.0',
    info: {
      title: 'Workspaces on Fly Machines',
      version: VERSION,
      license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
    },
  }
  app.doc31('/openapi.json', description)
  app.get('/docs', (c) => c.html(docsPage(app.getOpenAPI31Document(description) as unknown as ApiDocument)))
  app.get('/', (c) => c.redirect('/docs'))
  app.route('/', registryRoutes(services))

  app.route('/', workspaceRoutes(services))
  app.route('/', workspaceCommandRoutes(services))
  app.route('/', secretRoutes(services))
  app.route('/', hookRoutes(services))
  app.route('/', hookDeliveryRoutes(services))
  app.route('/', tokenRoutes(services))
  app.route('/', webhookEndpointRoutes(services))
  app.route('/', webhookDeliveryRoutes(services))
  app.route('/', auditRoutes(services))
  app.route('/', moleculeCompatRoutes(services))
  app.route('/', activityRoutes(services))
  app.route('/', messageRoutes(services))
  app.route('/', delegationRoutes(services))
  app.route('/', peerRoutes(services))
  app.route('/', fleetRoutes(services))
  app.route('/', eventRoutes(services, identify))
  app.route('/', rolloutRoutes(services))
  app.route('/', registryWebhookRoutes(services))
  app.route('/', moleculeEventRoutes(services))
  return app
}
