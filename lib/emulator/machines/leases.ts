// Leases of machines (docs/facts/fly.md §2.4): while a lease is held, every write without its nonce is refused, even a
// write of the holder.

import { FlyError } from '../shared/fly-error.ts'
import { leaseNonce } from '../shared/ids.ts'
import type { LeaseRecord, MachineRecord } from '../store/records.ts'

/** Seconds, for a lease without a ttl. */
const DEFAULT_TTL = 60

/** The lease that is held now; undefined when it has expired. */
export const currentLease = (record: MachineRecord, now: number): LeaseRecord | undefined =>
  record.lease !== undefined && record.lease.expiresAt > now ? record.lease : undefined

/** @throws FlyError 409 when a lease with another nonce is held */
export function assertMayWrite(record: MachineRecord, nonce: string | undefined, now: number): void {
  const lease = currentLease(record, now)
  if (lease !== undefined && lease.nonce !== nonce) throw leaseHeld(record.id, lease)
}

/** Takes the lease, or refreshes it when `nonce` is that of the held lease. Changes the record. */
export function takeLease(
  record: MachineRecord,
  asked: {
    ttl?: number | undefined
    description?: string | undefined
    owner: string
    nonce?: string | undefined
  },
  now: number,
): LeaseRecord {
  assertMayWrite(record, asked.nonce, now)
  const held = currentLease(record, now)
  const lease: LeaseRecord = {
    nonce: held?.nonce ?? leaseNonce(),
    owner: held?.owner ?? asked.owner,
    description: asked.description ?? held?.description ?? '',
    expiresAt: now + (asked.ttl ?? DEFAULT_TTL) * 1000,
    version: record.version,
  }
  record.lease = lease
  return lease
}

/** The envelope that fly-go decodes. The published schema omits it. */
export const leaseEnvelope = (lease: LeaseRecord): Record<string, unknown> => ({
  status: 'success',
  data: { ...strippedLease(lease), nonce: lease.nonce, version: lease.version },
})

/** A lease without its nonce, as other callers see it. `expires_at` is in Unix seconds. */
export const strippedLease = (lease: LeaseRecord): Record<string, unknown> => ({
  owner: lease.owner,
  description: lease.description,
  expires_at: Math.ceil(lease.expiresAt / 1000),
})

function leaseHeld(id: string, lease: LeaseRecord): FlyError {
  const until = new Date(lease.expiresAt).toISOString()
  return new FlyError(
    409,
    `aborted: machine ID ${id} lease currently held by ${lease.owner}, expires at ${until}`,
  )
}
