// The volumes of all apps: placement on a host, the states of docs/facts/fly.md §2.7, and which machine has which
// volume. A verb checks and changes the record before it returns; copying and timers run in the background.

import { noVolumeCapacity } from '../faults/fault-errors.ts'
import type { Hosts } from './hosts.ts'
import * as refusals from './volume-errors.ts'
import { createSnapshots, findSnapshot, isKept } from './snapshots.ts'
import type { Snapshots } from './snapshots.ts'
import { volumeId } from '../shared/ids.ts'
import type { DiskSource } from '../guests/disks.ts'
import type { Runtime } from '../machines/runtime.ts'
import type { AppRecord, VolumeRecord, VolumeState } from '../store/records.ts'

/** How long a deleted volume shows as `pending_destroy` before it is gone. */
const PENDING_DESTROY_MS = 24 * 3_600_000
const DEFAULT_SIZE_GB = 3
/** States in which a machine may be created with the volume. */
const MOUNTABLE: VolumeState[] = ['creating', 'created', 'hydrating', 'extending']
const LEAVING: VolumeState[] = ['waiting_for_detach', 'scheduling_destroy', 'pending_destroy', 'destroyed']

export type VolumeRequest = {
  name: string
  region: string
  sizeGb: number | undefined
  encrypted: boolean
  fstype: string
  snapshotRetention: number
  autoBackupEnabled: boolean
  requireUniqueZone: boolean
  uniqueZoneAppWide: boolean
  /** Of the machine that it is for; 0 when the request does not say. */
  memoryMb: number
  source: DiskSource | undefined
}

export type Volumes = {
  hosts: Hosts
  snapshots: Snapshots
  /** All volumes of one app, oldest first, with destroyed ones. */
  of(app: AppRecord): VolumeRecord[]
  /** All volumes, with destroyed ones. */
  all(): VolumeRecord[]
  /** @throws FlyError 404 for an unknown one and one that is gone */
  get(app: AppRecord, id: string): VolumeRecord
  /** A volume that may be gone, whose snapshots may be kept. @throws FlyError 404 */
  getEvenGone(app: AppRecord, id: string): VolumeRecord
  /** @throws FlyError 400 without capacity, 404 for an unknown source */
  create(app: AppRecord, asked: VolumeRequest): Promise<VolumeRecord>
  /** @throws FlyError 400 for a smaller size or without capacity, 412 in a state that does not allow it */
  extend(volume: VolumeRecord, sizeGb: number): void
  /** @throws FlyError 412 while a machine has it */
  remove(volume: VolumeRecord): void
  changed(volume: VolumeRecord): void
  /** Measures the files. */
  measure(volume: VolumeRecord): Promise<void>
  /** @throws FlyError 412 when a machine has it or it is not ready */
  assertMountable(volume: VolumeRecord): void
  attach(volume: VolumeRecord, machine: string): void
  /** The machine does not have its volume any more, at once or after some time. */
  release(machine: string, afterMs: number): void
  /** Removes all volumes of an app, with their snapshots. */
  removeAll(app: AppRecord): Promise<void>
  /** Continues what a restart of the emulator interrupted. */
  recover(isMachineAlive: (id: string) => boolean): void
}

export function createVolumes(
  runtime: Runtime,
  loaded: VolumeRecord[],
  hostsOf: (volumes: () => VolumeRecord[]) => Hosts,
): Volumes {
  const { disks } = runtime.host
  /** Destroyed machines whose volume is claimed for some time yet. */
  const lingering = new Set<string>()
  const records = new Map(loaded.map((volume) => [volume.id, volume]))
  /** Deleted volumes end when their time is over, by the clock of the emulator. */
  function all(): VolumeRecord[] {
    for (const volume of records.values()) {
      const isOver = runtime.now() - (volume.deletedAt ?? Infinity) >= PENDING_DESTROY_MS
      if (volume.state === 'pending_destroy' && isOver) become(volume, 'destroyed')
    }
    return [...records.values()]
  }
  const hosts = hostsOf(all)
  const of = (app: AppRecord): VolumeRecord[] => all().filter(({ appId }) => appId === app.id)

  function changed(volume: VolumeRecord): void {
    volume.updatedAt = runtime.now()
    runtime.journal.volume(volume)
  }
  function become(volume: VolumeRecord, state: VolumeState): void {
    volume.state = state
    changed(volume)
  }
  const inBackground = (volume: VolumeRecord, work: Promise<void>): void => {
    work.catch((error: unknown) => runtime.log(`volume ${volume.id}: ${String(error)}`))
  }
  const snapshots = createSnapshots(runtime, changed)

  function getEvenGone(app: AppRecord, id: string): VolumeRecord {
    const volume = of(app).find((one) => one.id === id)
    if (volume === undefined) throw refusals.notFound()
    return volume
  }
  function get(app: AppRecord, id: string): VolumeRecord {
    const volume = getEvenGone(app, id)
    if (volume.state === 'destroyed') throw refusals.notFound()
    return volume
  }

  function place(
    app: AppRecord,
    asked: VolumeRequest,
    sizeGb: number,
    from: VolumeRecord | undefined,
  ): string {
    const full = runtime.faults.volumeCapacityError(asked.region, runtime.organization)
    if (full !== undefined) throw full
    const near = of(app).filter(
      ({ name, state }) => !LEAVING.includes(state) && (asked.uniqueZoneAppWide || name === asked.name),
    )
    const not = new Set(asked.requireUniqueZone ? near.map(({ host }) => host) : [])
    if (from !== undefined && asked.source !== undefined && 'volume' in asked.source) not.add(from.host)
    const host = hosts.forVolume({ region: asked.region, sizeGb, memoryMb: asked.memoryMb, not })
    if (host === undefined) throw noVolumeCapacity()
    return host
  }

  function sourceOf(app: AppRecord, source: DiskSource): { volume: VolumeRecord; sizeGb: number } {
    if ('volume' in source) {
      const volume = get(app, source.volume)
      if (LEAVING.includes(volume.state)) throw refusals.notFound()
      if (runtime.faults.volumeUnreachable(volume)) throw refusals.sourceUnreachable(volume)
      if (volume.state !== 'created' && volume.state !== 'hydrating') throw refusals.notReady(volume)
      return { volume, sizeGb: volume.sizeGb }
    }
    const found = findSnapshot(all(), source.snapshot, runtime.now())
    if (found === undefined) throw refusals.snapshotNotFound()
    return { volume: found.volume, sizeGb: found.snapshot.volumeSizeGb }
  }

  /** The states of a new volume, from the one that its record has. */
  async function fill(volume: VolumeRecord): Promise<void> {
    const step = (): Promise<void> =>
      runtime.sleep(runtime.timings.volumeMs + runtime.faults.volumeDelay(volume))
    if (volume.source !== undefined) {
      const isFork = 'volume' in volume.source
      become(volume, isFork ? 'enabling_remote_export' : 'restoring')
      await disks.create(volume.id, volume.source)
      await step()
      if (isFork && !LEAVING.includes(volume.state)) become(volume, 'hydrating')
    }
    await step()
    if (!LEAVING.includes(volume.state)) become(volume, 'created')
  }

  async function extendLater(volume: VolumeRecord): Promise<void> {
    await runtime.sleep(runtime.timings.volumeMs)
    if (volume.state === 'extending') become(volume, 'created')
  }

  async function destroy(volume: VolumeRecord): Promise<void> {
    become(volume, 'scheduling_destroy')
    await runtime.sleep(runtime.timings.destroyMs)
    volume.deletedAt = runtime.now()
    become(volume, 'pending_destroy')
    await disks.remove(volume.id)
  }

  function detach(volume: VolumeRecord): void {
    delete volume.attachedMachineId
    changed(volume)
    if (volume.state === 'waiting_for_detach') inBackground(volume, destroy(volume))
  }

  return {
    hosts,
    snapshots,
    of,
    all,
    get,
    getEvenGone,
    async create(app, asked) {
      const from = asked.source === undefined ? undefined : sourceOf(app, asked.source)
      const sizeGb = asked.sizeGb ?? from?.sizeGb ?? DEFAULT_SIZE_GB
      if (from !== undefined && sizeGb < from.sizeGb) throw refusals.smallerThanSource(from.sizeGb)
      const host = place(app, asked, sizeGb, from?.volume)
      const now = runtime.now()
      const volume: VolumeRecord = {
        id: volumeId(),
        app: app.name,
        appId: app.id,
        name: asked.name,
        region: asked.region,
        host,
        zone: hosts.zoneOf(host),
        state: 'creating',
        sizeGb,
        encrypted: asked.encrypted,
        fstype: asked.fstype,
        snapshotRetention: asked.snapshotRetention,
        autoBackupEnabled: asked.autoBackupEnabled,
        ...(asked.source === undefined ? {} : { source: asked.source }),
        usedBytes: 0,
        snapshots: [],
        createdAt: now,
        updatedAt: now,
      }
      // Before the record, because a machine may be created with an empty volume at once.
      if (asked.source === undefined) await disks.create(volume.id)
      records.set(volume.id, volume)
      changed(volume)
      inBackground(volume, fill(volume))
      return volume
    },
    extend(volume, sizeGb) {
      if (sizeGb <= volume.sizeGb) throw refusals.notLarger(volume.sizeGb)
      if (volume.state !== 'created') throw refusals.notReady(volume)
      if (!hosts.hasDisk(volume.host, sizeGb - volume.sizeGb)) throw noVolumeCapacity()
      volume.sizeGb = sizeGb
      become(volume, 'extending')
      inBackground(volume, extendLater(volume))
    },
    remove(volume) {
      if (LEAVING.includes(volume.state)) return
      const holder = volume.attachedMachineId
      if (holder === undefined) inBackground(volume, destroy(volume))
      else if (lingering.has(holder)) become(volume, 'waiting_for_detach')
      else throw refusals.bound(holder)
    },
    changed,
    async measure(volume) {
      volume.usedBytes = await disks.usedBytes(volume.id)
    },
    assertMountable(volume) {
      if (LEAVING.includes(volume.state)) throw refusals.notFound()
      if (volume.attachedMachineId !== undefined) throw refusals.claimed(volume.attachedMachineId)
      const isEmptyYet = volume.state === 'creating' && volume.source !== undefined
      if (isEmptyYet || !MOUNTABLE.includes(volume.state)) throw refusals.notReady(volume)
    },
    attach(volume, machine) {
      volume.attachedMachineId = machine
      changed(volume)
    },
    release(machine, afterMs) {
      const volume = all().find(({ attachedMachineId }) => attachedMachineId === machine)
      if (volume === undefined) return
      if (afterMs === 0) return detach(volume)
      lingering.add(machine)
      runtime.after(afterMs, () => {
        lingering.delete(machine)
        detach(volume)
      })
    },
    async removeAll(app) {
      for (const volume of of(app)) {
        await snapshots.removeAll(volume)
        await disks.remove(volume.id)
        records.delete(volume.id)
        runtime.journal.volumeRemoved(volume.id)
      }
    },
    recover(isMachineAlive) {
      for (const volume of all()) {
        const { attachedMachineId, state } = volume
        if (attachedMachineId !== undefined && !isMachineAlive(attachedMachineId)) detach(volume)
        if (['creating', 'restoring', 'enabling_remote_export', 'hydrating'].includes(state))
          inBackground(volume, fill(volume))
        if (state === 'extending') inBackground(volume, extendLater(volume))
        if (state === 'scheduling_destroy') inBackground(volume, destroy(volume))
        snapshots.recover(volume)
        if (state === 'destroyed' && !volume.snapshots.some((one) => isKept(one, runtime.now()))) {
          records.delete(volume.id)
          runtime.journal.volumeRemoved(volume.id)
        }
      }
    },
  }
}
