// The log API of `https://api.fly.io`: the newest lines of an app, or those after a token (docs/facts/fly.md §12.2).
// flyctl asks it at `FLY_API_BASE_URL`.

import type { LogLine } from '../../machines/logs.ts'
import { FlyError } from '../../shared/fly-error.ts'
import type { Route } from '../route.ts'

export function addLogRoutes(route: Route): void {
  route('GET', '/api/v1/apps/:app/logs', 'logs', ({ app, cloud, query }) => {
    const token = query.get('next_token') ?? ''
    if (!/^\d{0,16}$/.test(token)) throw new FlyError(400, 'invalid_argument: next_token')
    const page = cloud.runtime.logs.page(app().name, {
      after: token === '' ? undefined : Number(token),
      instance: query.get('instance') || undefined,
      region: query.get('region') || undefined,
    })
    const last = page.at(-1)
    return Response.json({
      data: page.map(renderLine),
      // Empty while nothing is new: clients then repeat the token that they have.
      meta: { next_token: last === undefined ? '' : String(last.seq) },
    })
  })
}

const renderLine = ({ at, level, machineId, message, provider, region, seq }: LogLine) => ({
  id: String(seq),
  type: 'log',
  attributes: {
    timestamp: new Date(at).toISOString(),
    message,
    level,
    instance: machineId,
    region,
    meta: { instance: machineId, region, event: { provider } },
  },
})
