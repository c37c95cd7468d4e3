// Disks as Fly volumes: translates the provisioner's verbs to calls of the Machines API, and Fly's answers back.
import type { FlyClient, Volume, VolumeSnapshot } from '../../fly/client.ts'
import { FlyError, isAnswer } from '../../fly/errors.ts'
import type { DiskPhase, DiskProvisioner, DiskSnapshot, ObservedDisk, ProviderDisk } from '../disks.ts'
import type { Prices } from '../prices.ts'
import { attempt, toProvisionError } from './problems.ts'

/** Days for which Fly keeps each snapshot (docs/facts/fly.md §2.7: 1 to 60, default 5). */
export const SNAPSHOT_RETENTION_DAYS = 5

/** List prices of 2026 (docs/facts/fly.md §9): of shared CPUs with 256 MB each, of memory beyond that, and of disks. */
const PRICES: Prices = {
  machine: ({ cpus, memoryMb }) => cpus * 2.19 + (Math.max(0, memoryMb - cpus * 256) / 1024) * 6,
  perGb: 0.15,
  perSnapshotGb: 0.08,
  perRootGb: 0.15,
}

// Fly deletes a volume in steps; none of these returns to `created` (docs/facts/fly.md §2.7).
const GONE = new Set(['scheduling_destroy', 'fork_cleanup', 'pending_destroy', 'destroying', 'destroyed'])

function phaseOf({ host_status, state }: Volume): DiskPhase {
  if (GONE.has(state)) return 'gone'
  if (host_status === 'unreachable' || host_status === 'unknown') return 'unknown'
  return state === 'created' ? 'ready' : 'busy'
}

const toDate = (text: string | undefined): Date | undefined => {
  const time = new Date(text ?? Number.NaN)
  return Number.isNaN(time.getTime()) ? undefined : time
}

const toDisk = (app: string, volume: Volume): ProviderDisk => ({
  id: volume.id,
  app,
  name: volume.name,
  phase: phaseOf(volume),
  state: volume.state,
  region: volume.region ?? '',
  sizeGb: volume.size_gb ?? 0,
  usedBytes: volume.bytes_used,
  attachedTo: volume.attached_machine_id || undefined,
  createdAt: toDate(volume.created_at),
})

const toSnapshot = ({ created_at, id, retention_days, size, status }: VolumeSnapshot): DiskSnapshot => ({
  id,
  isUsable: status === undefined || status === 'created',
  state: status ?? 'created',
  createdAt: toDate(created_at) ?? new Date(0),
  bytes: size,
  retentionDays: retention_days,
})

const isMissing = (error: unknown) =>
  error instanceof FlyError && (error.code === 'volume_not_found' || error.code === 'not_found')

const unknown = (error: unknown): ObservedDisk => ({
  presence: 'unknown',
  problem: toProvisionError(error).problem,
})

export function flyDisks(fly: FlyClient): DiskProvisioner {
  return {
    prices: PRICES,

    createDisk: (app, { fits, name, region, sizeGb, source }) =>
      attempt(async () => {
        const volume = await fly.createVolume(app, {
          name,
          region,
          size_gb: sizeGb,
          encrypted: true,
          snapshot_retention: SNAPSHOT_RETENTION_DAYS,
          auto_backup_enabled: true,
          // Without it the volume may land on a host where its machine does not fit (docs/facts/fly.md §12).
          compute: { cpu_kind: 'shared', cpus: fits.cpus, memory_mb: fits.memoryMb },
          ...(source === undefined
            ? {}
            : 'disk' in source
              ? { source_volume_id: source.disk }
              : { snapshot_id: source.snapshot }),
        })
        // Some answers lack the region (docs/facts/fly.md §12).
        return { ...toDisk(app, volume), region: volume.region ?? region }
      }),

    async findDisk(app, name) {
      try {
        const found = (await fly.listVolumes(app))
          .map((volume) => toDisk(app, volume))
          .filter((disk) => disk.name === name && disk.phase !== 'gone')
          .toSorted((a, b) => (a.createdAt?.getTime() ?? 0) - (b.createdAt?.getTime() ?? 0))
        const [disk] = found
        return disk === undefined ? { presence: 'absent' } : { presence: 'present', disk }
      } catch (error) {
        return unknown(error)
      }
    },

    async observeDisk({ app, id }) {
      try {
        return { presence: 'present', disk: toDisk(app, await fly.getVolume(app, id)) }
      } catch (error) {
        return isMissing(error) ? { presence: 'absent' } : unknown(error)
      }
    },

    growDisk: ({ app, id }, sizeGb) =>
      attempt(async () => {
        try {
          const { needs_restart } = await fly.extendVolume(app, id, sizeGb)
          return { needsRestart: needs_restart === true }
        } catch (error) {
          // An earlier request, whose answer was lost, may have grown it.
          if (!isAnswer(error, 400) || ((await fly.getVolume(app, id)).size_gb ?? 0) < sizeGb) throw error
          return { needsRestart: true }
        }
      }),

    deleteDisk: ({ app, id }) =>
      attempt(async () => {
        const { found } = await fly.destroyVolume(app, id)
        return { gone: !found }
      }),

    listDisks: (app) =>
      attempt(async () => (await fly.listVolumes(app)).map((volume) => toDisk(app, volume))),

    takeSnapshot: ({ app, id }) => attempt(() => fly.createSnapshot(app, id)),

    listSnapshots: ({ app, id }) =>
      attempt(async () =>
        (await fly.listSnapshots(app, id))
          .map(toSnapshot)
          .toSorted((a, b) => b.createdAt.getTime() - a.createdAt.getTime()),
      ),
  }
}
