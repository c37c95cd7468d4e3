// Whether every disk is where it should be: each workspace's disk exists once, with one machine, and has what its agent wrote.
import type { Violation } from '../parts.ts'
import type { SeenVolume } from '../holdings.ts'
import type { Remains } from './remains.ts'

export type DiskEvidence = {
  /** How the names of the volumes of this control plane begin. */
  prefix: string
  /** The counter on a volume, as it is there; 0 when there is none. */
  counterOf: (volume: string) => number
  /** The highest counter that an agent acknowledged, by workspace. */
  acknowledged: ReadonlyMap<string, number>
}

const livingOf = ({ volumes }: Remains, prefix: string) =>
  volumes.filter(({ isDeleted, name }) => name.startsWith(prefix) && !isDeleted)

/** Disks that are being made or deleted, and volumes that will be deleted. */
export function unsettledDisks(remains: Remains, prefix: string): Violation[] {
  const { disks, rows } = remains
  const byVolume = new Map(disks.map((disk) => [disk.volumeId, disk]))
  const failed = new Set(rows.filter(({ status }) => status === 'failed').map(({ id }) => id))
  const violations: Violation[] = []
  for (const { id, madeFor, state, workspaceId } of disks) {
    // What a failed workspace began is continued when it is restarted.
    if (workspaceId !== null && failed.has(workspaceId)) continue
    if (state === 'deleting' || (workspaceId === null && state === 'creating'))
      violations.push({ kind: 'stuck', workspace: madeFor, what: `disk ${id} is still ${state}` })
  }
  for (const { id } of livingOf(remains, prefix)) {
    const disk = byVolume.get(id)
    if (disk?.state === 'gone')
      violations.push({
        kind: 'leak',
        workspace: disk.madeFor,
        what: `volume ${id} exists, and its disk is gone`,
      })
  }
  return violations
}

export function wrongDisks(remains: Remains, evidence: DiskEvidence): Violation[] {
  const living = livingOf(remains, evidence.prefix)
  return [
    ...wrongVolumes(remains, living),
    ...sharedVolumes(remains),
    ...remains.rows.flatMap((row) => wrongDiskOf(row, remains, living, evidence)),
  ]
}

/** Volumes that nobody accounts for, and disks with two volumes. */
function wrongVolumes({ disks, rows }: Remains, living: SeenVolume[]): Violation[] {
  const failed = new Set(rows.filter(({ status }) => status === 'failed').map(({ id }) => id))
  const violations: Violation[] = []
  for (const volume of living) {
    const disk = disks.find(({ id, volumeId }) => volumeId === volume.id || volume.name.endsWith(id.slice(5)))
    if (disk === undefined)
      violations.push({ kind: 'disk orphaned', what: `volume ${volume.id} (${volume.name}) has no disk` })
    else if (disk.volumeId !== volume.id && !failed.has(disk.workspaceId ?? ''))
      violations.push({
        kind: 'disk doubled',
        workspace: disk.madeFor,
        what: `disk ${disk.id} has volume ${String(disk.volumeId)}, and ${volume.id} is a second one`,
      })
  }
  return violations
}

function sharedVolumes({ machines }: Remains): Violation[] {
  const holders = new Map<string, string>()
  return machines.flatMap(({ destroyed, id, volume }): Violation[] => {
    if (destroyed || volume === undefined) return []
    const other = holders.get(volume)
    holders.set(volume, id)
    if (other === undefined) return []
    return [{ kind: 'disk doubled', what: `volume ${volume} is attached to machines ${other} and ${id}` }]
  })
}

function wrongDiskOf(
  row: Remains['rows'][number],
  { disks, machines }: Remains,
  living: SeenVolume[],
  { acknowledged, counterOf }: DiskEvidence,
): Violation[] {
  const least = acknowledged.get(row.id) ?? 0
  const disk = disks.find(({ workspaceId }) => workspaceId === row.id)
  if (row.status === 'removed' || (disk === undefined && least === 0)) return []
  const of = (kind: Violation['kind'], what: string): Violation[] => [{ kind, workspace: row.id, what }]
  const volume = living.find(({ id }) => id === disk?.volumeId)
  if (volume === undefined) {
    // A disk that was never finished has no data yet. A copy whose source was deleted before is given up with a reason.
    const isUnfinished = ['wanted', 'creating'].includes(disk?.state ?? '')
    if (isUnfinished && (least === 0 || row.status === 'failed')) return []
    // A paused workspace that moved, or is a copy, gets its disk when it is resumed; until then the one before, or the original, is kept.
    const before = disks.find(
      ({ id, replacedBy }) =>
        disk !== undefined &&
        (replacedBy === disk.id || ('disk_id' in disk.source && id === disk.source.disk_id)),
    )
    const kept = living.find(({ id }) => id === before?.volumeId)
    if (isUnfinished && kept !== undefined) {
      const count = counterOf(kept.id)
      return count >= least
        ? []
        : of('work lost', `the disk before has counter ${count}, and ${least} was acknowledged`)
    }
    return of('disk lost', `disk ${disk?.id} is ${disk?.state}, and volume ${disk?.volumeId} does not exist`)
  }
  const machine = machines.find(({ destroyed, id }) => id === row.machineId && !destroyed)
  const violations: Violation[] = []
  if (machine !== undefined && machine.volume !== volume.id)
    violations.push(
      ...of('disk lost', `its machine has volume ${machine.volume}, and its disk is ${volume.id}`),
    )
  const count = counterOf(volume.id)
  if (count < least)
    violations.push(...of('work lost', `its disk has counter ${count}, and ${least} was acknowledged`))
  return violations
}
