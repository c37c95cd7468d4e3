// The list of active faults, and the question for each place where one can apply. The rest of the emulator asks only
// here, so without faults it behaves as Fly does without trouble.

import { ConnectionLost } from '../shared/connection-lost.ts'
import { faultSchema } from './fault-kinds.ts'
import type { Fault, FaultInput, FaultKind } from './fault-kinds.ts'
import { errorForCapacity, textForStatus } from './fault-errors.ts'
import { seededRandom } from './seeded-random.ts'
import { FlyError } from '../shared/fly-error.ts'
import type { MachineRecord, VolumeRecord } from '../store/records.ts'

/** An active fault with its id. `times` counts down with each use. */
export type ActiveFault = Fault & { id: string }

/** The interface for tests and the admin API. */
export type Faults = {
  /**
   * Activates a fault and returns its id.
   * @throws ZodError for a malformed fault; FlyError 404 when a fault that applies at once names no started machine, or when a host is
   *   named by a machine or volume that does not exist
   */
  add(fault: FaultInput): string
  list(): ActiveFault[]
  /** Removes a fault. False when there is none with that id; it may be used up. */
  remove(id: string): boolean
  clear(): void
}

/** The subject of a call, to match faults and rate limits. */
export type CallSubject = {
  action: string
  app?: string | undefined
  machine?: string | undefined
  machineName?: string | undefined
}

/** The interface for the rest of the emulator. */
export type FaultQueries = {
  /** Milliseconds to wait before the answer. */
  latency(call: CallSubject): number
  /** @throws FlyError when a fault refuses the call */
  refuse(call: CallSubject): void
  /** Called when the action was done. @throws FlyError or ConnectionLost when a fault replaces the reply */
  replaceReply(call: CallSubject): void
  /** The capacity error for an action in `region`, or undefined when there is capacity. `volume` is the mounted one. */
  capacityError(
    region: string,
    on: 'create' | 'start' | 'update',
    organization: string,
    volume?: string,
  ): FlyError | undefined
  /** The capacity error for a new volume. */
  volumeCapacityError(region: string, organization: string): FlyError | undefined
  hostFull(host: string): boolean
  /** Whether everything on the host is unreachable. */
  hostDown(host: string): boolean
  volumeUnreachable(volume: VolumeRecord): boolean
  /** How much longer each state of a new volume or snapshot lasts, in milliseconds. */
  volumeDelay(volume: VolumeRecord): number
  snapshotDelay(volume: VolumeRecord): number
  /** How long a volume stays claimed after the end of its machine, in milliseconds. */
  detachDelay(machine: MachineRecord): number
  /** How much lists of volumes lag, in milliseconds. */
  volumeListLag(app: string): number
  extendNeedsRestart(volume: VolumeRecord): boolean
  hostUnreachable(machine: MachineRecord): boolean
  /** The exit code of a crash at boot, or undefined. */
  bootCrash(machine: MachineRecord): number | undefined
  portClosed(machine: MachineRecord): boolean
  hiddenFromLists(machine: MachineRecord): boolean
  hiddenFromGets(machine: MachineRecord): boolean
  /** How long the secrets of an app take to reach the hosts, in milliseconds. */
  secretsLag(app: string): number
  /** Whether `wait` answers with `{"ok": true}` only. */
  bareWait(machine: MachineRecord): boolean
  /** Whether a fault switches rate limits on or off; undefined leaves it to the emulator's option. */
  rateLimits(): boolean | undefined
}

type CallFault = { action?: string | undefined; app?: string | undefined; machine?: string | undefined }

type Options = {
  now: () => number
  seed: number
  /** Applies a fault to a started machine (id or name). False when there is none. */
  actOn: (machine: string, act: 'out-of-memory' | 'stopped-by-fly') => boolean
  /** The host of a machine (id or name) or of a volume. */
  hostOf: (machineOrVolume: string) => string | undefined
}

export function createFaults(options: Options): Faults & FaultQueries {
  const random = seededRandom(options.seed)
  let active: ActiveFault[] = []
  let count = 0

  const ofKind = <K extends FaultKind>(kind: K): (Extract<Fault, { kind: K }> & { id: string })[] =>
    active.filter((fault): fault is Extract<Fault, { kind: K }> & { id: string } => fault.kind === kind)

  /** Counts one use, and drops the fault when that was its last. */
  function use(fault: { id: string; times?: number | undefined }): void {
    if (fault.times === undefined) return
    fault.times -= 1
    if (fault.times <= 0) active = active.filter((other) => other.id !== fault.id)
  }

  const findFor = <K extends 'lose-reply' | 'ambiguous' | 'answer' | 'latency'>(kind: K, call: CallSubject) =>
    ofKind(kind).filter(
      (fault: CallFault) =>
        (fault.action === undefined || fault.action === '*' || fault.action === call.action) &&
        (fault.app === undefined || fault.app === call.app) &&
        (fault.machine === undefined || fault.machine === call.machine || fault.machine === call.machineName),
    )

  const isOn = (
    fault: { app?: string | undefined; machine?: string | undefined },
    record: MachineRecord,
  ): boolean =>
    (fault.app === undefined || fault.app === record.app) &&
    (fault.machine === undefined || fault.machine === record.id || fault.machine === record.name)

  const isOnVolume = (
    fault: { app?: string | undefined; volume?: string | undefined },
    volume: VolumeRecord,
  ): boolean =>
    (fault.app === undefined || fault.app === volume.app) &&
    (fault.volume === undefined || fault.volume === volume.id)

  const longest = (kind: 'slow-volume' | 'slow-snapshot', volume: VolumeRecord): number =>
    Math.max(0, ...ofKind(kind).flatMap((fault) => (isOnVolume(fault, volume) ? [fault.ms] : [])))

  const hostDown = (host: string): boolean => ofKind('host-unreachable').some((fault) => fault.host === host)

  const isYoung = (kind: 'stale-list' | 'late-get', record: MachineRecord): boolean =>
    ofKind(kind).some((fault) => isOn(fault, record) && options.now() - record.createdAt < fault.ms)

  return {
    add(input) {
      const fault = faultSchema.parse(input)
      const id = `fault-${++count}`
      if (fault.kind === 'out-of-memory' || fault.kind === 'stopped-by-fly') {
        if (!options.actOn(fault.machine, fault.kind))
          throw new FlyError(404, `no started machine ${fault.machine}`)
        return id
      }
      active.push({ ...(isAboutHost(fault) ? withHost(fault, options.hostOf) : fault), id })
      return id
    },
    list: () => active.map((fault) => ({ ...fault })),
    remove(id) {
      const before = active.length
      active = active.filter((fault) => fault.id !== id)
      return active.length < before
    },
    clear() {
      active = []
    },

    latency(call) {
      return findFor('latency', call).reduce((total, fault) => {
        use(fault)
        return total + fault.ms
      }, 0)
    },
    refuse(call) {
      for (const fault of findFor('answer', call)) {
        if (fault.probability !== undefined && random() >= fault.probability) continue
        use(fault)
        throw new FlyError(fault.status, fault.body ?? textForStatus(fault.status))
      }
    },
    replaceReply(call) {
      const [lost] = findFor('lose-reply', call)
      if (lost !== undefined) {
        use(lost)
        throw new ConnectionLost('fetch failed: the connection was lost before the reply')
      }
      const [ambiguous] = findFor('ambiguous', call)
      if (ambiguous === undefined) return
      use(ambiguous)
      throw new FlyError(ambiguous.status, textForStatus(ambiguous.status), {
        empty: ambiguous.status === 408,
      })
    },
    capacityError(region, on, organization, volume) {
      const fault = ofKind('capacity').find((one) => {
        if (one.region !== undefined && one.region !== region) return false
        if (one.as === 'new-volume') return false
        if (one.as === 'volume')
          return on === 'create' && volume !== undefined && (one.volume ?? volume) === volume
        return on === 'create' || one.as === 'host'
      })
      if (fault === undefined) return undefined
      use(fault)
      return errorForCapacity(fault.as, region, organization, volume)
    },
    volumeCapacityError(region, organization) {
      const fault = ofKind('capacity').find(
        (one) => one.as === 'new-volume' && (one.region === undefined || one.region === region),
      )
      if (fault === undefined) return undefined
      use(fault)
      return errorForCapacity(fault.as, region, organization)
    },
    hostFull: (host) => ofKind('host-full').some((fault) => fault.host === host),
    hostDown,
    hostUnreachable: (record) =>
      (record.host !== undefined && hostDown(record.host)) ||
      ofKind('host-unreachable').some((fault) => fault.machine !== undefined && isOn(fault, record)),
    volumeUnreachable: (volume) =>
      hostDown(volume.host) ||
      ofKind('host-unreachable').some(
        ({ machine }) => machine !== undefined && machine === volume.attachedMachineId,
      ),
    volumeDelay: (volume) => longest('slow-volume', volume),
    snapshotDelay: (volume) => longest('slow-snapshot', volume),
    detachDelay: (record) =>
      Math.max(0, ...ofKind('late-detach').flatMap((fault) => (isOn(fault, record) ? [fault.ms] : []))),
    volumeListLag: (app) =>
      Math.max(
        0,
        ...ofKind('stale-volumes').flatMap((fault) => ((fault.app ?? app) === app ? [fault.ms] : [])),
      ),
    extendNeedsRestart: (volume) => ofKind('extend-needs-restart').some((fault) => isOnVolume(fault, volume)),
    bootCrash(record) {
      const fault = ofKind('boot-crash').find((one) => isOn(one, record))
      if (fault === undefined) return undefined
      use(fault)
      return fault.exitCode
    },
    portClosed: (record) => ofKind('port-closed').some((fault) => isOn(fault, record)),
    hiddenFromLists: (record) => isYoung('stale-list', record),
    hiddenFromGets: (record) => isYoung('late-get', record),
    secretsLag: (app) =>
      Math.max(
        0,
        ...ofKind('secrets-lag')
          .filter((fault) => fault.app === undefined || fault.app === app)
          .map(({ ms }) => ms),
      ),
    bareWait: (record) => ofKind('bare-wait').some((fault) => isOn(fault, record)),
    rateLimits: () => ofKind('rate-limits').at(-1)?.on,
  }
}

type HostFault = Extract<Fault, { kind: 'host-full' | 'host-unreachable' }>

const isAboutHost = (fault: Fault): fault is HostFault =>
  fault.kind === 'host-full' || fault.kind === 'host-unreachable'

/**
 * The fault with the name of the host, as it is now: a volume that is replaced later has another host. An unreachable
 * machine stays as it is, because it means that machine only.
 */
function withHost(fault: HostFault, hostOf: (machineOrVolume: string) => string | undefined): HostFault {
  if (fault.host !== undefined || (fault.kind === 'host-unreachable' && fault.machine !== undefined))
    return fault
  const named = fault.volume ?? fault.machine
  const host = named === undefined ? undefined : hostOf(named)
  if (host === undefined)
    throw new FlyError(404, `no host of ${named ?? 'nothing: name a host, volume or machine'}`)
  return { kind: fault.kind, host }
}
