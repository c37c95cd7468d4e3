// The few GraphQL queries flyctl makes beside the Machines API (fly.md §10.3). Not a GraphQL server: a query is known by
// the field it asks for.

import { z } from 'zod'
import type { Cloud } from '../../apps/cloud.ts'
import type { Route } from '../route.ts'
import type { AppRecord } from '../../store/records.ts'

const bodySchema = z.looseObject({
  query: z.string(),
  variables: z.record(z.string(), z.unknown()).nullish(),
})

/** An answer in GraphQL's `errors`, with HTTP 200. */
class QueryError extends Error {
  override name = 'QueryError'
  readonly code: string
  constructor(message: string, code: string) {
    super(message)
    this.code = code
  }
}

export function addGraphqlRoute(route: Route): void {
  route('POST', '/graphql', 'graphql', async ({ cloud, body }) => {
    const parsed = bodySchema.safeParse(await body())
    try {
      if (!parsed.success) throw new QueryError('query is required', 'BAD_REQUEST')
      return Response.json({ data: answer(cloud, parsed.data.query, parsed.data.variables ?? {}) })
    } catch (error) {
      if (!(error instanceof QueryError)) throw error
      return Response.json({ errors: [{ message: error.message, extensions: { code: error.code } }] })
    }
  })
}

function answer(cloud: Cloud, query: string, variables: Record<string, unknown>): Record<string, unknown> {
  const text = (name: string): string => (typeof variables[name] === 'string' ? variables[name] : '')
  const appByVariable = (): AppRecord => {
    const name = text('appName') || text('name')
    const app = cloud.findApp(name)
    // A null here would read as an app without a name (fly.md §10.3).
    if (app === undefined) throw new QueryError(`Could not find App "${name}"`, 'NOT_FOUND')
    return app
  }
  if (/gqlmachine\s*:\s*machine\s*\(/.test(query))
    return { gqlmachine: machineNode(cloud, text('machineId')) }
  if (/apphostissues\s*:\s*app\s*\(/.test(query)) return { apphostissues: { hostIssues: { nodes: [] } } }
  if (/appcompact\s*:\s*app\s*\(/.test(query)) return { appcompact: appNode(cloud, appByVariable()) }
  if (/\bapps\s*\(\s*type\s*:/.test(query)) {
    const nodes = cloud.apps().map((app) => appNode(cloud, app))
    return { apps: { pageInfo: { hasNextPage: false, endCursor: '' }, nodes } }
  }
  if (/\borganization\s*\(\s*slug\s*:/.test(query)) {
    const slug = text('slug')
    if (slug !== 'personal' && slug !== cloud.world.organization) {
      throw new QueryError(`Could not find Organization "${slug}"`, 'NOT_FOUND')
    }
    return { organization: organizationNode(cloud) }
  }
  if (/\borganizations\b/.test(query)) return { organizations: { nodes: [organizationNode(cloud)] } }
  if (/\bapp\s*\(\s*name\s*:/.test(query)) return { app: appNode(cloud, appByVariable()) }
  throw new QueryError('the emulator does not know this query', 'UNKNOWN_QUERY')
}

function machineNode(cloud: Cloud, id: string): Record<string, unknown> {
  const found = cloud.allMachines().find(({ record }) => record.id === id)
  if (found === undefined) throw new QueryError('Could not find Machine', 'NOT_FOUND')
  const { record } = found
  return {
    id: record.id,
    name: record.name,
    app: { name: record.app, organization: { id: cloud.world.organization, slug: cloud.world.organization } },
  }
}

function appNode(cloud: Cloud, app: AppRecord): Record<string, unknown> {
  const deployed = cloud.machinesOf(app).some((runner) => runner.state !== 'destroyed')
  return {
    id: app.name,
    internalNumericId: app.numericId,
    name: app.name,
    hostname: `${app.name}.fly.dev`,
    cnameTarget: '',
    deployed,
    network: app.network,
    status: deployed ? 'deployed' : 'pending',
    appUrl: `https://${app.name}.fly.dev`,
    platformVersion: 'machines',
    organization: organizationNode(cloud),
    postgresAppRole: null,
    currentRelease: null,
    ipAddresses: {
      nodes: app.ips.map((ip) => ({
        id: ip.ip,
        address: ip.ip,
        type: ip.type,
        region: ip.region,
        createdAt: new Date(ip.createdAt).toISOString(),
      })),
    },
    sharedIpAddress: app.ips.find((ip) => ip.shared)?.ip ?? '',
  }
}

const organizationNode = ({ world }: Cloud): Record<string, unknown> => ({
  id: world.organization,
  internalNumericId: '1',
  slug: world.organization,
  rawSlug: world.organization,
  name: world.organization,
  type: 'PERSONAL',
  paidPlan: true,
  billable: true,
})
