// MOLECULE_COMPAT: all routes that only Molecule's clients call. They are mounted before this API's own routes, because a few
// have the same path (files of a workspace); docs/molecule.md lists them.
import { Hono } from 'hono'
import type { Services } from '../../../lib/control-plane/services.ts'
import type { AppEnv } from '../../http/app-env.ts'
import type { Authenticate } from '../../http/authenticate.ts'
import type { AcceptSocket } from '../../http/live-socket.ts'
import { agentRoutes } from './agents.ts'
import { approvalRoutes } from './approvals.ts'
import { bundleRoutes } from './bundles.ts'
import { canvasRoutes } from './canvas.ts'
import { chatFileRoutes } from './chat-files.ts'
import { fileCompatRoutes } from './files.ts'
import { memoryRoutes } from './memories.ts'
import { liveRoutes } from './live.ts'
import type { LimitBody, SendInner } from './request.ts'
import { scheduleCompatRoutes } from './schedules.ts'
import { usageRoutes } from './usage.ts'

export type MoleculeOptions = {
  limitBody: LimitBody
  /** Sends a request to the whole app, from the same address. */
  send: SendInner
  authenticate: Authenticate
  /** Undefined where the app is called as a function. */
  acceptSocket: AcceptSocket | undefined
}

export function moleculeRoutes(
  services: Services,
  { acceptSocket, authenticate, limitBody, send }: MoleculeOptions,
) {
  const app = new Hono<AppEnv>()
  app.route('/', canvasRoutes(services, limitBody, send))
  app.route('/', usageRoutes(services, limitBody))
  app.route('/', approvalRoutes(services, limitBody))
  app.route('/', memoryRoutes(services, limitBody))
  app.route('/', scheduleCompatRoutes(services))
  app.route('/', fileCompatRoutes(services, limitBody, send))
  app.route('/', chatFileRoutes(services, limitBody, send))
  app.route('/', bundleRoutes(services, limitBody, send))
  app.route('/', agentRoutes(services, send))
  app.route('/', liveRoutes(services, authenticate, acceptSocket))
  return app
}
