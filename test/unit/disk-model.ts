// A small model of disks for the tests of `decide`: the volumes of a provider, and the writes of the steps about disks.
import fc from 'fast-check'
import { type DiskSource, diskState } from '../../drizzle/schema/index.ts'
import { isCreateOver, LOOK_AGAIN_MS } from '../../lib/disks/settled.ts'
import { copyOf } from '../../lib/disks/replace-disk.ts'
import type { Disk, Workspace } from '../../lib/lifecycle/workspace.ts'
import type { Step } from '../../lib/reconcile/step.ts'
import { later, NOW } from './decide-fixtures.ts'

export const disk = (over: Partial<Disk> = {}): Disk => ({
  id: 'd0',
  workspaceId: 'w',
  madeFor: 'w',
  state: 'ready',
  sizeGb: 1,
  source: { kind: 'empty' },
  app: 'app',
  region: 'ord',
  volumeId: 'v-d0',
  requestedAt: NOW,
  looks: 0,
  createdAt: NOW,
  mountedAt: NOW,
  providerState: 'created',
  usedBytes: null,
  snapshots: null,
  snapshotBytes: null,
  seenAt: NOW,
  absentSince: null,
  lastFailure: null,
  retainedAt: null,
  retainedReason: null,
  retainedUntil: null,
  replacedBy: null,
  deletedAt: null,
  insertedAt: NOW,
  ...over,
})

export type DiskModel = {
  /** Volumes by disk. `data`: a machine has had it, or it is a copy of one that had. */
  volumes: Map<string, { data: boolean }>
  /** What becomes of the next creates; then they succeed. */
  creates: ('ok' | 'answer lost' | 'lost' | 'refused')[]
  /** How many launches still meet a full host. */
  fullHosts: number
  hasSnapshot: boolean
  made: number
}

export const arbitraryDisk = fc
  .record({
    state: fc.constantFrom(...diskState.enumValues),
    hasVolume: fc.boolean(),
    isKnown: fc.boolean(),
    wasMounted: fc.boolean(),
    region: fc.constantFrom('ord', 'fra'),
    source: fc.constantFrom<DiskSource>(
      { kind: 'empty' },
      { kind: 'snapshot', disk_id: 'older', snapshot_id: null, known: null },
    ),
    creates: fc.array(fc.constantFrom('ok', 'answer lost', 'lost', 'refused' as const), { maxLength: 4 }),
    fullHosts: fc.integer({ min: 0, max: 3 }),
    hasSnapshot: fc.boolean(),
  })
  .map(({ creates, fullHosts, hasSnapshot, hasVolume, isKnown, region, source, state, wasMounted }) => {
    const isMade = state === 'ready' || state === 'missing' || state === 'deleting'
    const exists = state !== 'wanted' && state !== 'gone' && hasVolume
    const mountedAt = isMade && wasMounted ? NOW : null
    const row = disk({
      state,
      source,
      mountedAt,
      region: state === 'wanted' ? null : region,
      volumeId: isMade || (exists && isKnown) ? 'v-d0' : null,
    })
    const volumes = new Map(exists ? [['d0', { data: mountedAt !== null }] as const] : [])
    return { disk: row, model: { volumes, creates, fullHosts, hasSnapshot, made: 1 } satisfies DiskModel }
  })

type Holder = { row: Workspace; disks: DiskModel; at: number }

function replace({ disks, row }: Holder, source: DiskSource, region: string | null): void {
  const old = row.disk
  if (old?.mountedAt != null && source.kind === 'empty')
    throw new Error('an empty disk replaced one with data')
  const id = `d${disks.made++}`
  row.diskId = id
  row.disk = disk({ id, state: 'wanted', source, region, volumeId: null, mountedAt: null, requestedAt: null })
}

/** What a launch does with the disk. @returns false when there is no machine after it */
export function attachDisk(holder: Holder): boolean {
  const { disks, row } = holder
  if (row.disk === null) return true
  const volume = disks.volumes.get(row.disk.id)
  if (row.disk.state !== 'ready')
    throw new Error(`a machine was launched with a disk that is ${row.disk.state}`)
  if (volume === undefined) {
    row.disk.state = 'missing'
    return false
  }
  if (disks.fullHosts-- > 0) {
    row.disk.mountedAt ??= null
    replace(holder, copyOf(row.disk, true), row.disk.region)
    return false
  }
  row.disk.mountedAt ??= later(holder.at)
  volume.data = true
  return true
}

type DiskStep = Extract<
  Step,
  {
    do:
      | 'create_disk'
      | 'find_disk'
      | 'take_snapshot'
      | 'move_disk'
      | 'delete_disk'
      | 'forget_disk'
      | 'restore_disk'
  }
>

/** Applies a step about disks as act-disk.ts and copy-disk.ts do. */
export function applyToDisk(holder: Holder, step: DiskStep): boolean {
  const { disks, row } = holder
  const own = row.disk
  if (own === null) throw new Error(`${step.do} without a disk`)
  switch (step.do) {
    case 'create_disk': {
      if (disks.volumes.has(own.id)) throw new Error('a second volume was created for a disk')
      const outcome = disks.creates.shift() ?? 'ok'
      if (outcome === 'refused') {
        holder.at += 1_000
        return true
      }
      Object.assign(own, {
        state: 'creating',
        region: own.region ?? row.regions[0],
        requestedAt: later(holder.at),
        looks: 0,
      })
      if (outcome !== 'lost') disks.volumes.set(own.id, { data: own.source.kind !== 'empty' })
      if (outcome === 'ok') Object.assign(own, { state: 'ready', volumeId: `v-${own.id}` })
      return true
    }
    case 'find_disk':
      if (disks.volumes.has(own.id)) Object.assign(own, { state: 'ready', volumeId: `v-${own.id}` })
      else if (!isCreateOver({ ...own, looks: ++own.looks }, later(holder.at))) holder.at += LOOK_AGAIN_MS
      else Object.assign(own, { state: 'wanted', volumeId: null, region: null })
      return true
    case 'take_snapshot':
      holder.at += 2_000
      if (own.source.kind === 'snapshot')
        own.source = { ...own.source, snapshot_id: 's', taken_at: later(holder.at).toISOString() }
      return true
    case 'move_disk':
      replace(holder, copyOf(own, false), null)
      return true
    case 'delete_disk':
      own.state = disks.volumes.delete(own.id) ? 'deleting' : 'gone'
      return true
    case 'forget_disk':
      if (disks.volumes.has(own.id)) throw new Error('a disk that exists was forgotten')
      own.state = 'gone'
      return true
    case 'restore_disk':
      if (!disks.hasSnapshot) return false
      replace(
        holder,
        { kind: 'snapshot', disk_id: own.id, snapshot_id: 's', taken_at: NOW.toISOString() },
        null,
      )
      return true
  }
}
