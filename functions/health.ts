// Is it alive, and what is it: /livez asks nothing of anybody, /healthz is the tutorial's third step, /health is what
// Molecule's clients call.
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi'
import type { Services } from '../lib/services.ts'
import { pingDatabase } from '../lib/ping-database.ts'
import type { AppEnv } from './app-env.ts'
import { Problem } from './problem.ts'
import { VERSION } from './version.ts'

const Health = z
  .object({
    status: z.literal('ok'),
    version: z.string(),
    provisioner: z.string(),
    app: z.string(),
    region: z.string(),
    emulator: z.boolean(),
    database: z.string(),
    uptime: z.number(),
  })
  .openapi('Health')

const healthRoute = createRoute({
  method: 'get',
  path: '/healthz',
  operationId: 'getHealth',
  responses: {
    200: { content: { 'application/json': { schema: Health } }, description: 'What this server is made of.' },
    503: {
      content: { 'application/problem+json': { schema: Problem } },
      description: 'The database does not answer.',
    },
  },
})

const liveRoute = createRoute({
  method: 'get',
  path: '/livez',
  operationId: 'getLiveness',
  responses: {
    200: {
      content: { 'application/json': { schema: z.object({ status: z.literal('ok') }) } },
      description: 'The process answers.',
    },
  },
})

export function healthRoutes(services: Services) {
  const app = new OpenAPIHono<AppEnv>()
  const { config, provisioner } = services
  let bornAt: number | undefined

  async function health(): Promise<z.infer<typeof Health>> {
    await pingDatabase(services.db)
    bornAt ??= services.now().getTime()
    return {
      status: 'ok',
      version: VERSION,
      provisioner: provisioner.name,
      app: provisioner.apps.join(','),
      region: config.fly.region,
      emulator: config.fly.emulator,
      database: services.driver,
      uptime: Math.round((services.now().getTime() - bornAt) / 1000),
    }
  }

  app.openapi(healthRoute, async (c) => c.json(await health(), 200))
  app.get('/health', async (c) => c.json(await health()))
  app.openapi(liveRoute, (c) => c.json({ status: 'ok' as const }, 200))
  return app
}
