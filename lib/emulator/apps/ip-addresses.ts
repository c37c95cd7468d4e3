// The public and private IP addresses of an app (docs/facts/fly.md §2.8). An app has at most one shared address.

import { FlyError } from '../shared/fly-error.ts'
import { publicIp } from '../shared/ids.ts'
import type { AppRecord, IpRecord } from '../store/records.ts'
import type { Cloud } from './cloud.ts'

const TYPES = ['v4', 'v6', 'shared_v4', 'private_v6', 'egress_v4', 'egress_v6', 'egress_pair']

export type IpRequest = {
  type: string | undefined
  region?: string | undefined
  network?: string | undefined
  serviceName?: string | undefined
}

/**
 * A new address. An app that has a shared address gets the same one again.
 * @throws FlyError 400 for an unknown type
 */
export function allocateIp({ runtime }: Cloud, app: AppRecord, request: IpRequest): IpRecord {
  const { type = '', region, network, serviceName } = request
  if (!TYPES.includes(type)) {
    throw new FlyError(400, `invalid_argument: type must be one of ${TYPES.join(', ')}`)
  }
  const shared = type === 'shared_v4'
  const existing = shared ? app.ips.find((ip) => ip.shared) : undefined
  if (existing !== undefined) return existing
  const ip: IpRecord = {
    ip: publicIp(type, shared),
    type,
    region: region ?? 'global',
    shared,
    createdAt: runtime.now(),
    ...(network === undefined ? {} : { network }),
    ...(serviceName === undefined ? {} : { serviceName }),
  }
  app.ips.push(ip)
  runtime.journal.app(app)
  return ip
}

/** False when the app has no such address. */
export function releaseIp({ runtime }: Cloud, app: AppRecord, address: string): boolean {
  const index = app.ips.findIndex(({ ip }) => ip === address)
  if (index === -1) return false
  app.ips.splice(index, 1)
  runtime.journal.app(app)
  return true
}
