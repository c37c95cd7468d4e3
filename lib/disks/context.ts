// The surroundings of everything that changes disks: settings, the database, and the provider.
import type { Context } from '../config/context.ts'
import type { DiskProvisioner } from '../provisioner/disks.ts'

export type DiskContext = Context & { provisioner: DiskProvisioner }
