// `/v1/apps` and the IP addresses of an app (docs/facts/fly.md §2.1, §2.8).

import { z } from 'zod'
import type { Cloud } from '../../apps/cloud.ts'
import { allocateIp, releaseIp } from '../../apps/ip-addresses.ts'
import type { Route } from '../route.ts'
import { FlyError } from '../../shared/fly-error.ts'
import { pageOf, timeKey } from '../paging.ts'
import { renderApp, renderIp } from '../render.ts'

const createBody = z.looseObject({
  name: z.string().optional(),
  /** The docs' samples send this instead of `name`. */
  app_name: z.string().optional(),
  org_slug: z.string(),
  network: z.string().nullish(),
})
const ipBody = z.looseObject({
  type: z.string().optional(),
  region: z.string().nullish(),
  network: z.string().nullish(),
  service_name: z.string().nullish(),
})

export function addAppRoutes(route: Route): void {
  route('GET', '/v1/apps', 'app.list', ({ cloud, query }) => {
    const slug = query.get('org_slug')
    if (slug === null || slug === '') throw new FlyError(400, 'invalid_argument: org_slug is required')
    assertOrganization(cloud, slug)
    const page = pageOf(cloud.apps(), query, 5000, (app) => timeKey(app.createdAt, app.id))
    return Response.json({
      total_apps: cloud.apps().length,
      apps: page.items.map((app) => render(cloud, app)),
      ...(page.next === undefined ? {} : { next_cursor: page.next }),
    })
  })

  route('POST', '/v1/apps', 'app.create', async ({ cloud, body }) => {
    const parsed = createBody.safeParse(await body())
    if (!parsed.success)
      throw new FlyError(400, `invalid_argument: ${parsed.error.issues[0]?.path.join('.')} is required`)
    const { name, app_name, org_slug, network } = parsed.data
    assertOrganization(cloud, org_slug)
    const app = cloud.createApp(name ?? app_name ?? '', network === '' ? undefined : (network ?? undefined))
    // The published reply is id and created_at; fly-go reads an App from it (docs/facts/fly.md §2.1).
    return Response.json({ ...render(cloud, app), created_at: app.createdAt }, { status: 201 })
  })

  route('GET', '/v1/apps/:app', 'app.get', (call) => Response.json(render(call.cloud, call.app())))

  route('DELETE', '/v1/apps/:app', 'app.delete', (call) => {
    const app = call.app()
    // 202: the response comes before the app is deleted.
    if (!app.deleting) void call.cloud.deleteApp(app)
    return new Response(null, { status: 202 })
  })

  route('POST', '/v1/apps/:app/deploy_token', 'app.deploy_token', async (call) => {
    const app = call.app()
    // Fly's JSON decoder fails at the end of an empty body.
    if ((await call.body()) === undefined) throw new FlyError(400, 'EOF')
    return Response.json({ token: call.cloud.createDeployToken(app) })
  })

  route('GET', '/v1/apps/:app/ip_assignments', 'ip.list', (call) =>
    Response.json({ ips: call.app().ips.map(renderIp) }),
  )

  route('POST', '/v1/apps/:app/ip_assignments', 'ip.create', async (call) => {
    const app = call.app()
    const parsed = ipBody.safeParse(await call.body())
    if (!parsed.success) throw new FlyError(400, 'invalid_argument: type is required')
    const { type, region, network, service_name: serviceName } = parsed.data
    const ip = allocateIp(call.cloud, app, {
      type,
      // fly-go sends empty strings for absent fields.
      region: region || undefined,
      network: network || undefined,
      serviceName: serviceName || undefined,
    })
    return Response.json(renderIp(ip))
  })

  route('DELETE', '/v1/apps/:app/ip_assignments/:ip', 'ip.delete', (call) => {
    if (!releaseIp(call.cloud, call.app(), call.param('ip'))) throw new FlyError(404, 'ip not found')
    return new Response(null, { status: 204 })
  })
}

/** @throws FlyError 404 for another organization; `personal` is always the caller's own */
export function assertOrganization(cloud: Cloud, slug: string): void {
  if (slug !== 'personal' && slug !== cloud.runtime.organization)
    throw new FlyError(404, 'organization not found')
}

const render = (cloud: Cloud, app: ReturnType<Cloud['getApp']>): Record<string, unknown> =>
  renderApp(cloud.runtime, app, {
    machines: cloud.machinesOf(app).filter((runner) => runner.state !== 'destroyed').length,
    volumes: cloud.volumes.of(app).filter(({ state }) => state !== 'destroyed').length,
  })
