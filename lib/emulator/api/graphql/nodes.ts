// Apps, machines and organizations as GraphQL objects, with the fields that flyctl and fly-go select
// (docs/facts/fly.md §10.3).

import type { Cloud } from '../../apps/cloud.ts'
import { describeRegion } from '../../apps/regions.ts'
import { parseImageRef } from '../../machines/image-ref.ts'
import type { AppRecord, IpRecord, MachineRecord, ReleaseRecord, VolumeRecord } from '../../store/records.ts'
import type { Node } from './execute.ts'
import type { Value } from './parse-query.ts'

const rfc3339 = (time: number): string => new Date(time).toISOString()
const connection = (nodes: unknown[]): Node => ({ nodes })

export function appNode(cloud: Cloud, app: AppRecord): Node {
  const machines = cloud.machinesOf(app).filter(({ state }) => state !== 'destroyed')
  const deployed = machines.length > 0
  const releases = (app.releases ?? []).map(releaseNode)
  return {
    __typename: 'App',
    id: app.name,
    internalNumericId: app.numericId,
    name: app.name,
    hostname: `${app.name}.fly.dev`,
    cnameTarget: '',
    deployed,
    network: app.network,
    status: deployed ? 'deployed' : 'pending',
    version: 0,
    appUrl: `https://${app.name}.fly.dev`,
    platformVersion: 'machines',
    organization: organizationNode(cloud),
    role: null,
    config: { definition: {} },
    currentRelease: releases[0] ?? null,
    currentReleaseUnprocessed: releases[0] ?? null,
    releases: connection(releases),
    releasesUnprocessed: ({ first }: Record<string, Value>) =>
      connection(releases.slice(0, typeof first === 'number' ? first : undefined)),
    imageDetails: null,
    image: ({ ref }: Record<string, Value>) => resolveImage(cloud, typeof ref === 'string' ? ref : ''),
    services: [],
    secrets: Object.entries(app.secrets ?? {}).map(([name, { digest, createdAt }]) => ({
      name,
      digest,
      createdAt: rfc3339(createdAt),
    })),
    // The shared address has a field of its own and is not among the others.
    ipAddresses: connection(app.ips.filter(isAllocated).map((ip) => ipNode(cloud, ip))),
    sharedIpAddress: app.ips.find(({ shared }) => shared)?.ip ?? '',
    egressIpAddresses: connection(
      app.ips.filter(({ type }) => type.startsWith('egress')).map((ip) => egressIpNode(ip)),
    ),
    machines: connection(machines.map(({ record }) => machineNode(cloud, record))),
    addOns: connection([]),
    hostIssues: connection([]),
    limitedAccessTokens: connection(
      app.deployTokens.map((_, index) => ({
        id: `${app.id}-${index}`,
        name: 'flyctl deploy token',
        token: '',
        expiresAt: null,
        revokedAt: null,
        user: { email: '' },
      })),
    ),
  }
}

/** Null when the image cannot be pulled. Nothing is pulled here, so the size is 0. */
async function resolveImage({ runtime }: Cloud, ref: string): Promise<Node | null> {
  if (!runtime.host.canPull(ref)) return null
  const { digest } = await parseImageRef(ref)
  return { id: digest, digest, ref, compressedSize: '0', compressedSizeFull: '0', manifest: {} }
}

const isAllocated = ({ shared, type }: IpRecord): boolean => !shared && !type.startsWith('egress')

export const ipNode = (cloud: Cloud, ip: IpRecord): Node => ({
  __typename: 'IPAddress',
  id: ip.ip,
  address: ip.ip,
  type: ip.type,
  region: ip.region,
  createdAt: rfc3339(ip.createdAt),
  network: ip.network === undefined ? null : { name: ip.network, organization: organizationNode(cloud) },
  serviceName: ip.serviceName ?? '',
})

const releaseNode = (release: ReleaseRecord): Node => ({
  __typename: 'Release',
  id: release.id,
  version: release.version,
  status: release.status,
  description: `Release v${release.version}`,
  reason: '',
  stable: release.status === 'complete',
  inProgress: release.status === 'running',
  deploymentStrategy: release.strategy.toUpperCase(),
  imageRef: release.image,
  configDefinition: release.definition ?? {},
  evaluationId: '',
  user: { id: '', email: '', name: '' },
  createdAt: rfc3339(release.createdAt),
})

const egressIpNode = (ip: IpRecord): Node => ({
  id: ip.ip,
  ip: ip.ip,
  version: ip.type.endsWith('v6') ? 6 : 4,
  region: ip.region,
  updatedAt: rfc3339(ip.createdAt),
})

export const machineNode = (cloud: Cloud, record: MachineRecord): Node => ({
  __typename: 'Machine',
  id: record.id,
  name: record.name,
  config: record.config,
  state: record.state,
  region: record.region,
  createdAt: rfc3339(record.createdAt),
  app: () => ({ name: record.app, organization: organizationNode(cloud) }),
  ips: connection([{ family: 'v6', kind: 'privatenet', ip: record.privateIp, maskSize: 112 }]),
  host: { id: '' },
  egressIpAddresses: connection([]),
})

export const volumeNode = (cloud: Cloud, volume: VolumeRecord, app: Node): Node => ({
  __typename: 'Volume',
  id: volume.id,
  name: volume.name,
  state: volume.state,
  region: volume.region,
  sizeGb: volume.sizeGb,
  encrypted: volume.encrypted,
  createdAt: rfc3339(volume.createdAt),
  app,
  snapshots: connection(
    cloud.volumes.snapshots.of(volume).map((snapshot) => ({
      id: snapshot.id,
      size: String(snapshot.sizeBytes),
      digest: '',
      createdAt: rfc3339(snapshot.takenAt ?? snapshot.requestedAt),
      retentionDays: snapshot.retentionDays,
      status: snapshot.status,
    })),
  ),
})

export function organizationNode({ runtime }: Cloud): Node {
  const slug = runtime.organization
  return {
    __typename: 'Organization',
    id: slug,
    internalNumericId: '1',
    slug,
    rawSlug: slug,
    name: slug,
    type: slug === 'personal' ? 'PERSONAL' : 'SHARED',
    viewerRole: 'admin',
    paidPlan: true,
    billable: true,
    billingStatus: 'CURRENT',
    provisionsBetaExtensions: false,
    addOnSsoLink: null,
    allowedReplaySourceOrgSlugs: [],
    addOns: connection([]),
    members: { edges: [] },
    limitedAccessTokens: connection([]),
    remoteBuilderImage: '',
    remoteBuilderApp: null,
  }
}

export function regionNode(code: string): Node {
  const { name, latitude, longitude } = describeRegion(code)
  return {
    code,
    name,
    latitude,
    longitude,
    gatewayAvailable: true,
    requiresPaidPlan: false,
    deprecated: false,
  }
}
