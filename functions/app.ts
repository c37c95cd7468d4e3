// The app as a function of its services: the same on Workers, on Node and in tests. This file only mounts middleware
// and routes, in the order in which requests pass them.
import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context, MiddlewareHandler } from 'hono'
import type { Services } from '../lib/control-plane/services.ts'
import type { AppEnv } from './http/app-env.ts'
import { createAuthenticator, type Exposure } from './http/authenticate.ts'
import type { AcceptSocket } from './http/live-socket.ts'
import { RememberingRouter } from './http/remembering-router.ts'
import { rejectUnknownParameters } from './http/known-parameters.ts'
import type { DescribeApi } from './http/openapi.ts'
import { auditRequests } from './middleware/audit.ts'
import { authorizeRequests } from './middleware/authorize.ts'
import { authorizeOtherWorkspaces } from './middleware/authorize-other-workspaces.ts'
import { allowOrigins } from './middleware/cors.ts'
import { answerErrors, answerNotFound } from './middleware/errors.ts'
import { limitBodies } from './middleware/limit-body.ts'
import { assignRequestId, traceRequests } from './middleware/tracing.ts'
import { setSecurityHeaders } from './middleware/security-headers.ts'
import { agentCardRoutes } from './routes/a2a/agent-card.ts'
import { a2aRoutes } from './routes/a2a/routes.ts'
import { activityRoutes } from './routes/activity.ts'
import { auditRoutes } from './routes/audit.ts'
import { delegationRoutes } from './routes/delegations.ts'
import { consoleRoutes } from './routes/console.ts'
import { docsRoutes } from './routes/docs.ts'
import { diskRoutes } from './routes/disks/routes.ts'
import { snapshotRoutes } from './routes/disks/snapshots.ts'
import { eventRoutes } from './routes/events/routes.ts'
import { execRoutes } from './routes/exec.ts'
import { fileRoutes } from './routes/files/routes.ts'
import { fleetRoutes } from './routes/fleet.ts'
import { healthRoutes, type ReadMetrics } from './routes/health.ts'
import { hookDeliveryRoutes } from './routes/hook-deliveries.ts'
import { hookRoutes } from './routes/hooks.ts'
import { logRoutes } from './routes/logs.ts'
import { mcpRoutes } from './routes/mcp.ts'
import { meRoutes } from './routes/me.ts'
import { messageRoutes } from './routes/messages/routes.ts'
import { sayRemoved } from './routes/molecule-compat/agents.ts'
import { createNeedsNoToken } from './routes/molecule-compat/elevate.ts'
import { moleculeEventRoutes } from './routes/molecule-compat/events.ts'
import { tokenFromQuery } from './routes/molecule-compat/live.ts'
import { moleculeRoutes } from './routes/molecule-compat/mount.ts'
import { moleculeCompatRoutes } from './routes/molecule-compat/routes.ts'
import { translateForMolecule } from './routes/molecule-compat/translate.ts'
import { peerRoutes } from './routes/peers.ts'
import { priceRoutes } from './routes/prices.ts'
import { registryWebhookRoutes } from './routes/registry-webhooks.ts'
import { registryRoutes } from './routes/registry.ts'
import { rolloutRoutes } from './routes/rollouts.ts'
import { scheduleRoutes } from './routes/schedules.ts'
import { secretRoutes } from './routes/secrets.ts'
import { tokenRoutes } from './routes/tokens.ts'
import { webhookDeliveryRoutes } from './routes/webhook-deliveries.ts'
import { webhookEndpointRoutes } from './routes/webhook-endpoints.ts'
import { holdRoutes } from './routes/workspaces/holds.ts'
import { workspaceCommandRoutes } from './routes/workspaces/commands.ts'
import { workspaceListRoutes } from './routes/workspaces/list.ts'
import { workspaceRoutes } from './routes/workspaces/routes.ts'

type Runtime = {
  describeApi?: DescribeApi
  serveAssets?: MiddlewareHandler
  acceptSocket?: AcceptSocket
  otherMetrics?: ReadMetrics | undefined
}

/**
 * @param runtime `describeApi` answers `/openapi.json`; absent where nobody reads it. `serveAssets` serves the files of `dist/assets/`; absent where the platform does before the app runs.
 *   `acceptSocket` accepts WebSockets; absent where there are none. `otherMetrics` reads the metrics of the other processes
 *   behind the same port
 */
export function createApp(
  services: Services,
  exposure: Exposure,
  { acceptSocket, describeApi, otherMetrics, serveAssets }: Runtime = {},
) {
  const app = new OpenAPIHono<AppEnv>({ router: new RememberingRouter() })
  const authenticate = createAuthenticator(services, exposure)

  app.use(assignRequestId, traceRequests(services))
  app.onError(answerErrors(services))
  app.notFound(answerNotFound(app))
  app.use(allowOrigins(services.config.corsOrigins))
  app.use(auditRequests(services))
  const needsNoToken = createNeedsNoToken(services.config, exposure)
  if (services.config.moleculeCompat) {
    app.use('/ws', tokenFromQuery)
    app.use('/workspaces/:id/state', sayRemoved(services))
  }
  app.use(authorizeRequests(services, authenticate, needsNoToken))
  app.route('/', agentCardRoutes(services))
  // A2A has its own body limit and its own error format, so it is mounted before the middleware of the other routes.
  app.route('/', a2aRoutes(services, exposure))

  app.use(setSecurityHeaders)
  const limitBody = limitBodies(services.config.apiMaxBodyBytes)
  const send = (request: Request, c: Context<AppEnv>) => app.fetch(request, c.env, c.executionCtx)
  if (services.config.moleculeCompat)
    app.route('/', moleculeRoutes(services, { limitBody, send, authenticate, acceptSocket }))
  // Senders of webhooks cannot make their bodies smaller, so these routes have limits of their own.
  app.route('/', hookDeliveryRoutes(services))
  app.route('/', registryWebhookRoutes(services))
  // Files are streams with a limit of their own, so they are mounted before the limit of the other routes.
  app.route('/', fileRoutes(services))
  app.use(limitBody)
  if (services.config.moleculeCompat) app.use(translateForMolecule(services, needsNoToken))
  // It reads the body, so it comes after the limit of the body.
  app.use(authorizeOtherWorkspaces(services))
  app.use(rejectUnknownParameters(app))
  app.route('/', healthRoutes(services, otherMetrics))
  if (describeApi !== undefined) app.get('/openapi.json', describeApi(app, services.config.publicUrl))
  app.route('/', consoleRoutes(serveAssets))
  app.route('/', docsRoutes(serveAssets))
  app.route('/', meRoutes())
  app.route('/', registryRoutes(services))
  app.route('/', workspaceListRoutes(services))
  app.route('/', workspaceRoutes(services))
  app.route('/', workspaceCommandRoutes(services))
  app.route('/', logRoutes(services, authenticate))
  app.route('/', execRoutes(services))
  app.route('/', holdRoutes(services))
  app.route('/', scheduleRoutes(services))
  app.route('/', secretRoutes(services))
  app.route('/', hookRoutes(services))
  app.route('/', tokenRoutes(services))
  app.route('/', webhookEndpointRoutes(services))
  app.route('/', webhookDeliveryRoutes(services))
  app.route('/', auditRoutes(services))
  app.route('/', moleculeCompatRoutes(services))
  app.route('/', activityRoutes(services))
  app.route('/', messageRoutes(services))
  app.route('/', delegationRoutes(services))
  app.route('/', peerRoutes(services))
  app.route('/', diskRoutes(services))
  app.route('/', snapshotRoutes(services))
  app.route('/', fleetRoutes(services))
  app.route('/', priceRoutes(services))
  app.route('/', eventRoutes(services, authenticate))
  app.route('/', rolloutRoutes(services))
  app.route('/', moleculeEventRoutes(services))
  app.route('/', mcpRoutes(send))
  return app
}
