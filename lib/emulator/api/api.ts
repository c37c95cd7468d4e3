// The HTTP API of the emulated Fly: the Machines API under /v1, GraphQL and UIEX for flyctl, and the admin API under
// /_emulator.

import { Hono } from 'hono'
import { addAdminRoutes } from './routes/admin.ts'
import { addAppRoutes } from './routes/apps.ts'
import { addLeaseRoutes } from './routes/leases.ts'
import { addLifecycleRoutes } from './routes/lifecycle.ts'
import { addMachineRoutes } from './routes/machines.ts'
import { addLogRoutes } from './routes/logs.ts'
import { addMetadataRoutes } from './routes/metadata.ts'
import { addSecretRoutes } from './routes/secrets.ts'
import { addPlatformRoutes } from './routes/platform.ts'
import { addVolumeRoutes } from './routes/volumes.ts'
import type { Cloud } from '../apps/cloud.ts'
import { ConnectionLost } from '../shared/connection-lost.ts'
import { createRoute } from './route.ts'
import type { Faults } from '../faults/faults.ts'
import { FlyError, notEmulated } from '../shared/fly-error.ts'
import { addGraphqlRoute } from './graphql/route.ts'
import { addUiexRoutes } from './routes/uiex.ts'
import { createRateLimits } from './rate-limits.ts'
import { snapshotOf } from '../machines/snapshot.ts'
import { viewOf } from '../volumes/volume-view.ts'
import { createTokens } from './tokens.ts'

/** Parts of the real API that answer 501 here. */
const NOT_EMULATED: [RegExp, string][] = [
  [/^\/v1\/apps\/[^/]+\/secretkeys(\/|$)/, 'secret keys'],
  [/^\/v1\/apps\/[^/]+\/certificates(\/|$)/, 'certificates'],
  [/^\/v1\/apps\/[^/]+\/machines\/[^/]+\/memory(\/|$)/, 'memory balloon'],
  [/^\/v1\/tokens\/(oidc|kms|authenticate|authorize)$/, 'token services but /v1/tokens/current'],
  [/^\/v1\/postgres(\/|$)/, 'Managed Postgres'],
  [/^\/api\/v1\//, 'route of api.fly.io at this path'],
]

/** @param tokens the accepted tokens; undefined accepts any. When they are given, the admin API requires one too. */
export function createApi(cloud: Cloud, faults: Faults, tokens: string[] | undefined): Hono {
  const { runtime } = cloud
  const api = new Hono()
  const checker = createTokens(tokens)
  const limits = createRateLimits(runtime.now)

  api.use('*', async (context, next) => {
    await next()
    context.res.headers.set('fly-request-id', `${runtime.ulid()}-${runtime.regions[0] ?? 'iad'}`)
    context.res.headers.set('date', new Date(runtime.now()).toUTCString())
    context.res.headers.set('server', 'Fly/emulator')
    context.res.headers.set('via', '1.1 fly.io')
  })

  const route = createRoute(api, cloud, checker, limits.take)
  addAppRoutes(route)
  addMachineRoutes(route)
  addLifecycleRoutes(route)
  addLeaseRoutes(route)
  addMetadataRoutes(route)
  addSecretRoutes(route)
  addVolumeRoutes(route)
  addPlatformRoutes(route)
  addGraphqlRoute(route)
  addUiexRoutes(route)
  addLogRoutes(route)
  addAdminRoutes(
    api,
    faults,
    {
      machines: () => cloud.allMachines().map(snapshotOf),
      volumes: () => cloud.volumes.all().map(viewOf),
    },
    (header) => {
      if (tokens !== undefined) checker.authenticate(header, 'organization', cloud)
    },
  )

  api.notFound((context) => {
    const missing = NOT_EMULATED.find(([path]) => path.test(context.req.path))
    return (missing === undefined ? new FlyError(404, 'not found') : notEmulated(missing[1])).toResponse()
  })

  api.onError((error) => {
    if (error instanceof FlyError) return error.toResponse()
    // This leaves the process as a broken connection and not as a response.
    if (error instanceof ConnectionLost) throw error
    runtime.log(`internal error: ${error.stack ?? String(error)}`)
    return new FlyError(500, 'unknown: internal error').toResponse()
  })
  return api
}
