// Query parameters that a route knows. An unknown one is refused by name: a misspelled filter would otherwise return
// everything, and look like an answer.
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { MiddlewareHandler } from 'hono'
import { invalidField } from '../../lib/platform/errors.ts'
import { ROUTE_POLICIES } from '../access-policy.ts'
import type { AppEnv } from './app-env.ts'

/** `label.<key>=<value>` filters workspaces by a label. */
export const LABEL_PREFIX = 'label.'

/**
 * Refuses unknown query parameters of every described route. Public routes, and those of other systems (agents,
 * webhooks, A2A), take what is sent.
 */
export function rejectUnknownParameters(app: OpenAPIHono<AppEnv>): MiddlewareHandler<AppEnv> {
  let known: Map<string, ReadonlySet<string>> | undefined
  return async (c, next) => {
    if (!c.req.url.includes('?')) return next()
    known ??= parametersByRoute(app)
    const name = c.get('route')?.name ?? ''
    const allowed = known.get(name)
    if (allowed === undefined || ROUTE_POLICIES[name] === 'public') return next()
    const isLabel = (parameter: string) => name === 'GET /workspaces' && parameter.startsWith(LABEL_PREFIX)
    const unknown = Object.keys(c.req.query()).find(
      (parameter) => !allowed.has(parameter) && !isLabel(parameter),
    )
    if (unknown !== undefined) {
      const rest =
        allowed.size === 0 ? 'this route has none' : `known are ${[...allowed].toSorted().join(', ')}`
      throw invalidField(unknown.slice(0, 100), `is not a parameter of this route: ${rest}`)
    }
    return next()
  }
}

function parametersByRoute({ openAPIRegistry }: OpenAPIHono<AppEnv>): Map<string, ReadonlySet<string>> {
  const routes = openAPIRegistry.definitions.flatMap((definition) =>
    definition.type === 'route' ? [definition.route] : [],
  )
  return new Map(
    routes
      .filter(({ path }) => !/^\/(webhooks|registry)\/|\/a2a/.test(path))
      .map(({ method, path, request }) => {
        const query = request?.query as { shape?: Record<string, unknown> } | undefined
        const name = `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`
        return [name, new Set(Object.keys(query?.shape ?? {}))]
      }),
  )
}
