// The list of active faults, and the question for each place where one can apply. The rest of the emulator asks only
// here, so without faults it behaves as Fly does without trouble.

import { ConnectionLost } from '../shared/connection-lost.ts'
import { faultSchema } from './fault-kinds.ts'
import type { Fault, FaultInput, FaultKind } from './fault-kinds.ts'
import { errorForCapacity, textForStatus } from './fault-errors.ts'
import { seededRandom } from './seeded-random.ts'
import { FlyError } from '../shared/fly-error.ts'
import type { MachineRecord } from '../store/records.ts'

/** An active fault with its id. `times` counts down with each use. */
export type ActiveFault = Fault & { id: string }

/** The interface for tests and the admin API. */
export type Faults = {
  /**
   * Activates a fault and returns its id.
   * @throws ZodError for a malformed fault; FlyError 404 when `out-of-memory` names no started machine
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
  /** The capacity error for an action in `region`, or undefined when there is capacity. */
  capacityError(region: string, on: 'create' | 'start' | 'update', organization: string): FlyError | undefined
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

type Options = { now: () => number; seed: number; onOutOfMemory: (machine: string) => boolean }

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

  const isYoung = (kind: 'stale-list' | 'late-get', record: MachineRecord): boolean =>
    ofKind(kind).some((fault) => isOn(fault, record) && options.now() - record.createdAt < fault.ms)

  return {
    add(input) {
      const fault = faultSchema.parse(input)
      const id = `fault-${++count}`
      if (fault.kind === 'out-of-memory') {
        if (!options.onOutOfMemory(fault.machine))
          throw new FlyError(404, `no started machine ${fault.machine}`)
        return id
      }
      active.push({ ...fault, id })
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
    capacityError(region, on, organization) {
      const fault = ofKind('capacity').find(
        (one) =>
          (one.region === undefined || one.region === region) && (on === 'create' || one.as === 'host'),
      )
      if (fault === undefined) return undefined
      use(fault)
      return errorForCapacity(fault.as, region, organization)
    },
    hostUnreachable: (record) => ofKind('host-unreachable').some((fault) => isOn(fault, record)),
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
