// Refuses a request for a copy or a snapshot of a disk where the provider has none.
import { DomainError } from '../platform/errors.ts'
import { type DiskProvisioner } from '../provisioner/disks.ts'

/** @throws DomainError `not_implemented` where the provider can neither copy disks nor keep snapshots of them */
export function assertCopies({ noCopies }: Pick<DiskProvisioner, 'noCopies'>): void {
  if (noCopies !== undefined) throw new DomainError('not_implemented', noCopies)
}
