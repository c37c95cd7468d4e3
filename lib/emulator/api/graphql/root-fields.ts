// The top-level fields of GraphQL queries and mutations.

import { allocateIp, releaseIp } from '../../apps/ip-addresses.ts'
import type { AppRecord } from '../../store/records.ts'
import type { Call } from '../route.ts'
import { QueryError } from './execute.ts'
import type { Node } from './execute.ts'
import { appNode, ipNode, machineNode, organizationNode, regionNode, volumeNode } from './nodes.ts'
import type { Value } from './parse-query.ts'

type Args = Record<string, Value>

/** An unknown app is an error and not null, which flyctl would read as an app without a name (docs/facts/fly.md §10.3). */
function findApp(call: Call, name: Value | undefined): AppRecord {
  const app = call.visibleApps().find((one) => one.name === name)
  if (app === undefined) throw new QueryError(`Could not find App "${textOf(name) ?? ''}"`, 'NOT_FOUND')
  return app
}

export function queryFields(call: Call): Node {
  const { cloud } = call
  const { organization, regions } = cloud.runtime
  return {
    app: ({ name }: Args) => appNode(cloud, findApp(call, name)),
    apps: ({ organizationId, role }: Args) => ({
      pageInfo: { hasNextPage: false, endCursor: '' },
      nodes: call
        .visibleApps()
        .filter(() => [null, undefined, '', organization].includes(organizationId as string) && !role)
        .map((app) => appNode(cloud, app)),
    }),
    appNameAvailable: ({ name }: Args) => cloud.isNameFree(textOf(name) ?? ''),
    machine: ({ machineId }: Args) => {
      const found = cloud.findMachine(textOf(machineId) ?? '')
      if (found === undefined) throw new QueryError('Could not find Machine', 'NOT_FOUND')
      findApp(call, found.record.app)
      return machineNode(cloud, found.record)
    },
    volume: ({ id }: Args) => {
      const found = cloud.volumes.all().find((volume) => volume.id === id)
      if (found === undefined) throw new QueryError('Could not find Volume', 'NOT_FOUND')
      return volumeNode(cloud, found, appNode(cloud, findApp(call, found.app)))
    },
    organization: ({ slug }: Args) => {
      if (slug !== 'personal' && slug !== organization) {
        throw new QueryError(`Could not find Organization "${textOf(slug) ?? ''}"`, 'NOT_FOUND')
      }
      return organizationNode(cloud)
    },
    organizations: () => ({ nodes: [organizationNode(cloud)] }),
    viewer: { __typename: 'Macaroon', email: call.owner },
    platform: { requestRegion: regions[0] ?? '', regions: regions.map(regionNode) },
    nearestRegion: regionNode(regions[0] ?? 'iad'),
    addOns: { nodes: [] },
    canPerformBluegreenDeployment: ({ name }: Args) => findApp(call, name) !== undefined,
    // Fly knows the newest version of its own images only (docs/facts/fly.md §10.2, `status`).
    latestImageDetails: ({ image }: Args) => {
      throw new QueryError(`Unknown repository ${textOf(image) ?? ''}`, 'UNPROCESSABLE')
    },
  }
}

const inputOf = ({ input }: Args): Args =>
  typeof input === 'object' && input !== null && !Array.isArray(input) ? input : {}
const textOf = (value: Value | undefined): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined

export function mutationFields(call: Call): Node {
  const { cloud } = call
  return {
    allocateIpAddress(args: Args) {
      const input = inputOf(args)
      const app = findApp(call, input['appId'])
      const ip = allocateIp(cloud, app, {
        type: textOf(input['type']),
        region: textOf(input['region']),
        network: textOf(input['network']),
        serviceName: textOf(input['serviceName']),
      })
      return { app: appNode(cloud, app), ipAddress: ipNode(cloud, ip) }
    },
    releaseIpAddress(args: Args) {
      const input = inputOf(args)
      const app = findApp(call, input['appId'])
      if (!releaseIp(cloud, app, textOf(input['ip']) ?? textOf(input['ipAddressId']) ?? '')) {
        throw new QueryError('Could not find IPAddress', 'NOT_FOUND')
      }
      return { clientMutationId: null, app: appNode(cloud, app) }
    },
    createLimitedAccessToken(args: Args) {
      const input = inputOf(args)
      if (input['profile'] !== 'deploy') {
        throw new QueryError(
          `the emulator has no tokens of profile "${textOf(input['profile']) ?? ''}"`,
          'NOT_EMULATED',
        )
      }
      const params = inputOf({ input: input['profileParams'] ?? null })
      const tokenHeader = cloud.createDeployToken(findApp(call, params['app_id']))
      return { limitedAccessToken: { tokenHeader } }
    },
  }
}
