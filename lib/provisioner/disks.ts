// What a provider of machines must do with disks, in terms that any backend can honour: a disk has a name, a size, a
// place, and at most one machine. Its verbs throw ProvisionError (problem.ts) unless they say otherwise.
import type { Prices } from './prices.ts'
import type { ProvisionProblem } from './problem.ts'

/** A disk by the provider's id, within its app. */
export type DiskRef = { app: string; id: string }

/**
 * `busy`: any state that ends by itself, and any that is not known to us. `unknown`: its host does not answer. `gone`:
 * deleted, or being deleted beyond return.
 */
export type DiskPhase = 'busy' | 'ready' | 'gone' | 'unknown'

export type ProviderDisk = {
  id: string
  app: string
  name: string
  phase: DiskPhase
  /** The provider's own word, for display only. */
  state: string
  /** Empty if the provider does not say. */
  region: string
  sizeGb: number
  /** Undefined if the provider does not say. */
  usedBytes: number | undefined
  /** The machine that has it. */
  attachedTo: string | undefined
  createdAt: Date | undefined
}

/** `unknown`: the provider did not answer. It never means absent. */
export type ObservedDisk =
  | { presence: 'present'; disk: ProviderDisk }
  | { presence: 'absent' }
  | { presence: 'unknown'; problem: ProvisionProblem }

export type DiskInput = {
  name: string
  region: string
  sizeGb: number
  /** What it contains at first: nothing, a copy of another disk of the same app and region, or a snapshot. */
  source?: { disk: string } | { snapshot: string }
  /** The machine that must fit beside it. */
  fits: { cpus: number; memoryMb: number }
}

export type DiskSnapshot = {
  /** Empty while it is being taken. */
  id: string
  /** Whether a disk can be made of it. */
  isUsable: boolean
  /** The provider's own word, for display only. */
  state: string
  createdAt: Date
  /** Bytes that it occupies; undefined if the provider does not say. */
  bytes: number | undefined
  retentionDays: number | undefined
}

export type DiskProvisioner = {
  /** Undefined where nothing has a price. */
  readonly prices: Prices | undefined
  /** Why disks can be neither copied nor kept as snapshots, with a way out; undefined where they can. */
  readonly noCopies?: string
  /**
   * Creates a disk. Not idempotent, and names are not unique: after an error that was perhaps applied, call `findDisk`
   * before the next create.
   */
  createDisk(app: string, input: DiskInput): Promise<ProviderDisk>
  /** The disk of a name; of several the oldest. Failures of the provider are a result, not an error. */
  findDisk(app: string, name: string): Promise<ObservedDisk>
  /** Failures of the provider are a result, not an error. */
  observeDisk(disk: DiskRef): Promise<ObservedDisk>
  /** @returns whether a running machine sees the new size only after a restart */
  growDisk(disk: DiskRef, sizeGb: number): Promise<{ needsRestart: boolean }>
  /** Deletes a disk with its data. @returns whether the provider no longer knows it */
  deleteDisk(disk: DiskRef): Promise<{ gone: boolean }>
  /** All disks in one app, including those that are not ours. The list may lag. */
  listDisks(app: string): Promise<ProviderDisk[]>
  /** Requests a snapshot. It appears in the list, and is usable some time later. */
  takeSnapshot(disk: DiskRef): Promise<void>
  /** Newest first. */
  listSnapshots(disk: DiskRef): Promise<DiskSnapshot[]>
}
