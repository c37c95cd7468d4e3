// The part of `https://api.fly.io/api/v1` that flyctl asks for organizations, releases and builds. flyctl calls it UIEX
// and sends it to `FLY_UIEX_BASE_URL`. Shapes are those that flyctl's `internal/uiex` decodes.

import { z } from 'zod'
import type { Cloud } from '../../apps/cloud.ts'
import { FlyError } from '../../shared/fly-error.ts'
import type { ReleaseRecord } from '../../store/records.ts'
import type { Route } from '../route.ts'
import { assertOrganization } from './apps.ts'

/** Releases kept for each app. */
const KEPT_RELEASES = 25

const releaseBody = z.looseObject({
  app_name: z.string(),
  image: z.string(),
  definition: z.unknown().optional(),
  strategy: z.string().default('ROLLING'),
})

export function addUiexRoutes(route: Route): void {
  route('GET', '/api/v1/organizations', 'uiex.organizations', ({ cloud }) =>
    Response.json({ organizations: [renderOrganization(cloud)] }),
  )

  route('GET', '/api/v1/organizations/:org', 'uiex.organization', ({ cloud, param }) => {
    assertOrganization(cloud, param('org'))
    return Response.json({ organization: renderOrganization(cloud) })
  })

  route('GET', '/api/v1/apps/:app/releases', 'uiex.releases', (call) => {
    const limit = Number(call.query.get('limit') ?? Infinity)
    return Response.json({ releases: (call.app().releases ?? []).slice(0, limit).map(renderRelease) })
  })

  route('GET', '/api/v1/apps/:app/releases/current', 'uiex.release', (call) => {
    const [current] = call.app().releases ?? []
    if (current === undefined) throw new FlyError(404, 'not found')
    return Response.json(renderRelease(current))
  })

  route('GET', '/api/v1/releases/all_current', 'uiex.current_releases', ({ visibleApps }) =>
    Response.json(
      Object.fromEntries(
        visibleApps().flatMap(({ name, releases: [current] = [] }) =>
          current === undefined ? [] : [[name, new Date(current.createdAt).toISOString()]],
        ),
      ),
    ),
  )

  route('POST', '/api/v1/releases', 'uiex.release_create', async ({ body, cloud, visibleApps }) => {
    const parsed = releaseBody.safeParse(await body())
    if (!parsed.success) throw new FlyError(400, 'app_name and image are required')
    const { app_name: name, image, strategy, definition } = parsed.data
    const app = visibleApps().find((one) => one.name === name)
    if (app === undefined) throw new FlyError(404, 'app not found')
    const release: ReleaseRecord = {
      id: cloud.runtime.ulid(),
      version: (app.releases?.[0]?.version ?? 0) + 1,
      status: 'pending',
      strategy,
      image,
      definition,
      createdAt: cloud.runtime.now(),
    }
    app.releases = [release, ...(app.releases ?? [])].slice(0, KEPT_RELEASES)
    cloud.runtime.journal.app(app)
    return Response.json({ release: renderRelease(release) }, { status: 201 })
  })

  route(
    'PATCH',
    '/api/v1/releases/:release',
    'uiex.release_update',
    async ({ body, cloud, param, visibleApps }) => {
      const parsed = z.looseObject({ status: z.string() }).safeParse(await body())
      if (!parsed.success) throw new FlyError(400, 'status is required')
      for (const app of visibleApps()) {
        const release = app.releases?.find(({ id }) => id === param('release'))
        if (release === undefined) continue
        release.status = parsed.data.status
        cloud.runtime.journal.app(app)
        return Response.json(renderRelease(release))
      }
      throw new FlyError(404, 'release not found')
    },
  )

  // `machine run` and `machine update` report the image that they resolved as a build. Nothing is stored.
  route('POST', '/api/v1/builds', 'uiex.build', () => Response.json(renderBuild('started')))
  route('POST', '/api/v1/builds/finish', 'uiex.build_finish', () => Response.json(renderBuild('completed')))
}

const renderRelease = (release: ReleaseRecord): Record<string, unknown> => ({
  id: release.id,
  version: release.version,
  stable: release.status === 'complete',
  in_progress: release.status === 'running',
  status: release.status,
  strategy: release.strategy,
  user: '',
  created_at: new Date(release.createdAt).toISOString(),
  image_ref: release.image,
})

const renderBuild = (status: string): Record<string, unknown> => ({ id: 1, status, wallclock_time_ms: 0 })

const renderOrganization = ({ runtime }: Cloud): Record<string, unknown> => ({
  id: runtime.organization,
  internal_numeric_id: 1,
  slug: runtime.organization,
  raw_slug: runtime.organization,
  name: runtime.organization,
  paid_plan: true,
  personal: runtime.organization === 'personal',
  billing_status: 'CURRENT',
  billable: true,
  provisions_beta_extensions: false,
  remote_builder_image: '',
})
