// What a caller gets when the provider refuses a call that only the provider can answer, or has no such thing.
import { DomainError } from '../platform/errors.ts'
import { type DiskProvisioner } from '../provisioner/disks.ts'
import { ProvisionError } from '../provisioner/provisioner.ts'

/** @throws DomainError `not_implemented` where the provider can neither copy disks nor keep snapshots of them */
export function assertCopies({ noCopies }: Pick<DiskProvisioner, 'noCopies'>): void {
  if (noCopies !== undefined) throw new DomainError('not_implemented', noCopies)
}

/** @throws DomainError `unavailable` with the provider's own words; any other error unchanged */
export function unavailable(error: unknown): never {
  if (!(error instanceof ProvisionError)) throw error
  const { hint, message, provider, retryAfterMs } = error.problem
  throw new DomainError('unavailable', `${message} ${hint}`, {
    cause: error,
    ...(provider === undefined ? {} : { details: { provider } }),
    ...(retryAfterMs === undefined ? {} : { retryAfterSeconds: Math.ceil(retryAfterMs / 1000) }),
  })
}
