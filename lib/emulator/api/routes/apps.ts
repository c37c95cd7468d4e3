// `/v1/apps` and the IP addresses of an app (fly.md §2.1, §2.8).

import { z } from 'zod'
import type { Cloud } from '../../apps/cloud.ts'
import type { Route } from '../route.ts'
import { FlyError } from '../../shared/fly-error.ts'
import { leaseNonce } from '../../shared/ids.ts'
import { pageOf, timeKey } from '../paging.ts'
import { renderApp, renderIp } from '../render.ts'

const IP_TYPES = ['v4', 'v6', 'shared_v4', 'private_v6', 'egress_v4', 'egress_v6', 'egress_pair']

const createBody = z.looseObject({
  name: z.string().optional(),
  /** What the docs' samples send in place of `name`. */
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
    // The published reply is id and created_at; fly-go reads an App from it (fly.md §2.1).
    return Response.json({ ...render(cloud, app), created_at: app.createdAt }, { status: 201 })
  })

  route('GET', '/v1/apps/:app', 'app.get', (call) => Response.json(render(call.cloud, call.app())))

  route('DELETE', '/v1/apps/:app', 'app.delete', (call) => {
    const app = call.app()
    // Answered before it is done: 202.
    if (!app.deleting) void call.cloud.deleteApp(app)
    return new Response(null, { status: 202 })
  })

  route('POST', '/v1/apps/:app/deploy_token', 'app.deploy_token', (call) => {
    const app = call.app()
    const token = `fm2_emulated_${leaseNonce()}${leaseNonce()}`
    app.deployTokens.push(token)
    call.cloud.world.journal.app(app)
    return Response.json({ token: `FlyV1 ${token}` })
  })

  route('GET', '/v1/apps/:app/ip_assignments', 'ip.list', (call) =>
    Response.json({ ips: call.app().ips.map(renderIp) }),
  )

  route('POST', '/v1/apps/:app/ip_assignments', 'ip.create', async (call) => {
    const app = call.app()
    const parsed = ipBody.safeParse(await call.body())
    const type = parsed.data?.type ?? ''
    if (!parsed.success || !IP_TYPES.includes(type)) {
      throw new FlyError(400, `invalid_argument: type must be one of ${IP_TYPES.join(', ')}`)
    }
    const { region, network, service_name: serviceName } = parsed.data
    // An app has one shared address; asking again gives it back.
    const shared = type === 'shared_v4' ? app.ips.find((ip) => ip.shared) : undefined
    const ip =
      shared ??
      call.cloud.addIp(app, {
        type,
        ...(typeof region === 'string' && region !== '' ? { region } : {}),
        ...(typeof network === 'string' ? { network } : {}),
        ...(typeof serviceName === 'string' ? { serviceName } : {}),
      })
    return Response.json(renderIp(ip))
  })

  route('DELETE', '/v1/apps/:app/ip_assignments/:ip', 'ip.delete', (call) => {
    const app = call.app()
    const index = app.ips.findIndex(({ ip }) => ip === call.param('ip'))
    if (index === -1) throw new FlyError(404, 'ip not found')
    app.ips.splice(index, 1)
    call.cloud.world.journal.app(app)
    return new Response(null, { status: 204 })
  })
}

/** @throws FlyError 404 for an organization the caller does not have; `personal` is always one's own */
export function assertOrganization(cloud: Cloud, slug: string): void {
  if (slug !== 'personal' && slug !== cloud.world.organization)
    throw new FlyError(404, 'organization not found')
}

const render = (cloud: Cloud, app: ReturnType<Cloud['getApp']>): Record<string, unknown> =>
  renderApp(cloud.world, app, cloud.machinesOf(app).filter((runner) => runner.state !== 'destroyed').length)
