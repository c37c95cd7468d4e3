// The physical hosts of each region: how much memory and disk space they have, what is reserved on them, and where a new
// machine or volume is placed. Fly shows of a host only the zone of a volume.

import type { FaultQueries } from '../faults/faults.ts'
import type { MachineRecord, MachineState, VolumeRecord } from '../store/records.ts'

export type HostCapacity = {
  /** Hosts in each region. */
  perRegion: number
  /** Of one host. */
  memoryMb: number
  volumeGb: number
}

/** So much that nothing is refused unless a fault or a smaller capacity says so. Fly's own figures are not known. */
export const DEFAULT_HOST_CAPACITY: HostCapacity = { perRegion: 8, memoryMb: 1_048_576, volumeGb: 100_000 }

/** A stopped or suspended machine reserves nothing, so its start may be refused (docs/facts/fly.md §8.3). */
const RESERVING: MachineState[] = [
  'created',
  'starting',
  'started',
  'stopping',
  'suspending',
  'restarting',
  'replacing',
]

export type Hosts = {
  /** The host for a new machine without a volume: the one with the most free memory; undefined when none has room. */
  forMachine(region: string, memoryMb: number): string | undefined
  /** The host for a new volume: one with room for it and for the machine that it is for. `not` are excluded. */
  forVolume(asked: {
    region: string
    sizeGb: number
    memoryMb: number
    not: ReadonlySet<string>
  }): string | undefined
  /** Whether a machine can reserve its memory on its host. What it has reserved already does not count against it. */
  hasRoomFor(machine: MachineRecord): boolean
  hasMemory(host: string, memoryMb: number): boolean
  hasDisk(host: string, sizeGb: number): boolean
  /** Four hex digits. */
  zoneOf(host: string): string
}

export function createHosts(
  capacity: HostCapacity,
  faults: FaultQueries,
  records: { machines: () => MachineRecord[]; volumes: () => VolumeRecord[] },
): Hosts {
  const hostsOf = (region: string): string[] =>
    Array.from({ length: capacity.perRegion }, (_, index) => `${region}-${index + 1}`)

  /** Megabytes that are not reserved, by host. */
  function freeMemory(except?: string): (host: string) => number {
    const reserved = new Map<string, number>()
    for (const { id, host, state, config } of records.machines()) {
      if (host === undefined || id === except || !RESERVING.includes(state)) continue
      reserved.set(host, (reserved.get(host) ?? 0) + config.guest.memory_mb)
    }
    return (host) => (faults.hostFull(host) ? 0 : capacity.memoryMb - (reserved.get(host) ?? 0))
  }

  function freeDisk(): (host: string) => number {
    const used = new Map<string, number>()
    for (const { host, state, sizeGb } of records.volumes()) {
      if (state !== 'destroyed') used.set(host, (used.get(host) ?? 0) + sizeGb)
    }
    return (host) => capacity.volumeGb - (used.get(host) ?? 0)
  }

  const isUsable = (host: string): boolean => !faults.hostDown(host)

  return {
    forMachine(region, memoryMb) {
      const memory = freeMemory()
      return hostsOf(region)
        .filter((host) => isUsable(host) && memory(host) >= memoryMb)
        .toSorted((a, b) => memory(b) - memory(a))[0]
    },
    forVolume({ region, sizeGb, memoryMb, not }) {
      const [memory, disk] = [freeMemory(), freeDisk()]
      return hostsOf(region)
        .filter(
          (host) => isUsable(host) && !not.has(host) && memory(host) >= memoryMb && disk(host) >= sizeGb,
        )
        .toSorted((a, b) => disk(b) - disk(a))[0]
    },
    hasRoomFor: ({ id, host, config }) =>
      host === undefined || freeMemory(id)(host) >= config.guest.memory_mb,
    hasMemory: (host, memoryMb) => freeMemory()(host) >= memoryMb,
    hasDisk: (host, sizeGb) => freeDisk()(host) >= sizeGb,
    zoneOf(host) {
      let hash = 2_166_136_261
      for (let at = 0; at < host.length; at++) hash = Math.imul(hash ^ host.charCodeAt(at), 16_777_619)
      return (hash & 0xffff).toString(16).padStart(4, '0')
    },
  }
}
