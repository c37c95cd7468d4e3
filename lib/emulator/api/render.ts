// Records in the JSON shapes of the API (docs/facts/fly.md §2.1, §2.9).

import { currentLease, strippedLease } from '../machines/leases.ts'
import type { AppRecord, MachineEvent, MachineRecord } from '../store/records.ts'
import type { Runtime } from '../machines/runtime.ts'

/** Events shown inside a machine. */
const SHOWN_EVENTS = 20

const rfc3339 = (time: number): string => new Date(time).toISOString()

type RenderOptions = {
  includeLeases?: boolean
  /** Rows of a list without config, checks, events, host_status and nonce. */
  summary?: boolean
  /** Returned only to the create or update that has a `lease_ttl`. */
  nonce?: string | undefined
}

export function renderMachine(
  runtime: Runtime,
  record: MachineRecord,
  options: RenderOptions = {},
): Record<string, unknown> {
  const base = {
    id: record.id,
    name: record.name,
    state: record.state,
    region: record.region,
    version: record.version,
    instance_id: record.version,
    private_ip: record.privateIp,
    created_at: rfc3339(record.createdAt),
    updated_at: rfc3339(record.updatedAt),
    image_ref: record.imageRef,
    ...(record.cordoned ? { cordoned: true } : {}),
  }
  if (options.summary === true) return base
  const lease = options.includeLeases === true ? currentLease(record, runtime.now()) : undefined
  const extra = {
    ...(options.nonce === undefined ? {} : { nonce: options.nonce }),
    ...(lease === undefined ? {} : { lease: strippedLease(lease) }),
    events: record.events.slice(0, SHOWN_EVENTS).map(renderEvent),
    checks: record.checks,
  }
  if (runtime.faults.hostUnreachable(record)) {
    return { ...base, ...extra, host_status: 'unreachable', config: null, incomplete_config: record.config }
  }
  return { ...base, ...extra, host_status: 'ok', config: record.config }
}

/** The machine with the config of an older version, whose state is always `replaced`. */
export function renderOldVersion(
  runtime: Runtime,
  record: MachineRecord,
  version: string,
): Record<string, unknown> | undefined {
  const old = record.versions.find((one) => one.version === version)
  if (old === undefined) return undefined
  const machine = renderMachine(runtime, { ...record, config: old.config, imageRef: old.imageRef })
  if (version === record.version) return machine
  return { ...machine, state: 'replaced', version, instance_id: version }
}

export const renderEvent = (event: MachineEvent): Record<string, unknown> => ({ ...event })

/** A row of `GET /v1/orgs/{slug}/machines`. */
export const renderOrgMachine = (record: MachineRecord, summary: boolean): Record<string, unknown> => ({
  id: record.id,
  name: record.name,
  app_name: record.app,
  state: record.state,
  region: record.region,
  private_ip: record.privateIp,
  version: record.version,
  created_at: rfc3339(record.createdAt),
  updated_at: rfc3339(record.updatedAt),
  ...(summary
    ? {}
    : {
        config: {
          guest: record.config.guest,
          image: record.config.image,
          ...(record.config.metadata === undefined ? {} : { metadata: record.config.metadata }),
        },
      }),
})

export const renderOrganization = (slug: string): Record<string, unknown> => ({
  name: slug,
  slug,
  internal_numeric_id: 1,
})

export const renderApp = (
  runtime: Runtime,
  app: AppRecord,
  counts: { machines: number; volumes: number },
): Record<string, unknown> => ({
  id: app.id,
  internal_numeric_id: app.numericId,
  name: app.name,
  network: app.network,
  network_cidr: 'fdaa::/48',
  status: counts.machines > 0 ? 'deployed' : 'pending',
  machine_count: counts.machines,
  volume_count: counts.volumes,
  organization: renderOrganization(runtime.organization),
})

export const renderIp = (ip: AppRecord['ips'][number]): Record<string, unknown> => ({
  ip: ip.ip,
  region: ip.region,
  service_name: ip.serviceName ?? '',
  shared: ip.shared,
  egress: ip.type.startsWith('egress'),
  created_at: rfc3339(ip.createdAt),
  ...(ip.network === undefined ? {} : { network: { name: ip.network, org_slug: '' } }),
})
