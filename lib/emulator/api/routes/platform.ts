// Calls that are not about one machine: regions, placements, the caller's token, and the machines and volumes of the
// organization (docs/facts/fly.md §2.2, §2.8).

import { z } from 'zod'
import { assertOrganization } from './apps.ts'
import { isTrue, list } from './machines.ts'
import type { Call, Route } from '../route.ts'
import { FlyError } from '../../shared/fly-error.ts'
import { pageOf, timeKey } from '../paging.ts'
import { describeRegion } from '../../apps/regions.ts'
import { renderOrgMachine } from '../render.ts'
import { renderOrgVolume } from '../render-volume.ts'

export function addPlatformRoutes(route: Route): void {
  // PascalCase, as the live service answers; the published schema has lower case.
  route('GET', '/v1/platform/regions', 'platform.regions', ({ cloud }) =>
    Response.json({
      Regions: cloud.runtime.regions.map(describeRegion),
      Nearest: cloud.runtime.regions[0] ?? '',
    }),
  )

  route('POST', '/v1/platform/placements', 'platform.placements', async ({ cloud, body }) => {
    const parsed = z
      .looseObject({ org_slug: z.string(), region: z.string().nullish(), count: z.int().nullish() })
      .safeParse(await body())
    if (!parsed.success) throw new FlyError(400, 'invalid_argument: org_slug is required')
    assertOrganization(cloud, parsed.data.org_slug)
    const asked = list(parsed.data.region ?? null)
    const regions = cloud.runtime.regions.filter(
      (code) => asked.length === 0 || asked.includes(code) || asked.includes('any'),
    )
    const count = parsed.data.count ?? 1
    return Response.json({ Regions: regions.map((region) => ({ region, count, concurrency: count })) })
  })

  route('GET', '/v1/tokens/current', 'token.current', ({ cloud, token, owner, visibleApps }) => {
    const isLimited = cloud.apps().some(({ deployTokens }) => deployTokens.includes(token))
    return Response.json({
      tokens: [
        {
          token_id: owner.split('@')[0],
          organization: cloud.runtime.organization,
          org_slug: cloud.runtime.organization,
          apps: isLimited ? visibleApps().map(({ name }) => name) : ['*'],
          user: '',
          restricted_to_machine: '',
          source_machine_id: '',
        },
      ],
    })
  })

  route('GET', '/v1/orgs/:org/machines', 'org.machines', listOrgMachines)

  route('GET', '/v1/orgs/:org/volumes', 'org.volumes', listOrgVolumes)
}

function listOrgMachines({ cloud, param, query }: Call): Response {
  assertOrganization(cloud, param('org'))
  const alive = new Set(cloud.apps().map(({ id }) => id))
  const records = cloud
    .allMachines()
    .map(({ record }) => record)
    // Of deleted apps only destroyed machines are listed.
    .filter((record) => alive.has(record.appId) || record.state === 'destroyed')
    .filter((record) => !cloud.runtime.faults.hiddenFromLists(record))
  const { items, next } = changedPage(records, query)
  const last = items.at(-1)
  return Response.json({
    machines: items.map((record) => renderOrgMachine(record, isTrue(query.get('summary')))),
    next_cursor: next,
    last_machine_id: last?.id ?? '',
    last_updated_at: last === undefined ? '' : new Date(last.updatedAt).toISOString(),
    error_regions: [],
  })
}

function listOrgVolumes({ cloud, param, query }: Call): Response {
  assertOrganization(cloud, param('org'))
  const { items, next } = changedPage(cloud.volumes.all(), query)
  const last = items.at(-1)
  return Response.json({
    volumes: items.map((volume) => renderOrgVolume(cloud.runtime, volume, isTrue(query.get('summary')))),
    next_cursor: next,
    last_volume_id: last?.id ?? '',
    last_updated_at: last === undefined ? '' : new Date(last.updatedAt).toISOString(),
  })
}

type Changing = { id: string; state: string; region: string; updatedAt: number }

/** One page of a list of the organization, by the time of the last change. */
function changedPage<Row extends Changing>(
  records: Row[],
  query: URLSearchParams,
): { items: Row[]; next: string } {
  const states = list(query.get('state'))
  const regions = list(query.get('region'))
  const after = query.get('updated_after')
  const since = after === null ? Number.NEGATIVE_INFINITY : Date.parse(after)
  if (Number.isNaN(since)) throw new FlyError(400, 'invalid_argument: updated_after must be RFC 3339')
  const found = records
    .filter((record) => {
      if (record.state === 'destroyed' && !isTrue(query.get('include_deleted'))) return false
      if (states.length > 0 && !states.includes(record.state)) return false
      if (regions.length > 0 && !regions.includes(record.region)) return false
      // A cursor wins over updated_after.
      return query.get('cursor') !== null || record.updatedAt > since
    })
    .toSorted((a, b) => a.updatedAt - b.updatedAt || (a.id < b.id ? -1 : 1))
  if (query.get('limit') === null) query.set('limit', '1000')
  const page = pageOf(found, query, 1000, (record) => timeKey(record.updatedAt, record.id))
  return { items: page.items, next: page.next ?? '' }
}
