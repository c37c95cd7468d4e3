// What a backend must do to run workspaces, in words that fit any of them. Fly Machines is the first; the contract every
// backend must satisfy is test/fly/provisioner-contract.ts.
import type { MachineLabels, MachineSpec } from '../machines/machine-spec.ts'

/**
 * Where a machine stands, reduced to what a decision needs. `busy` is any state that ends by itself, also one that we have
 * never heard of; `unknown` means that its host does not answer, and nothing may be concluded from it.
 */
export type MachinePhase = 'busy' | 'started' | 'stopped' | 'suspended' | 'failed' | 'gone' | 'unknown'

/** How the guest last ended, if the backend knows. */
export type MachineExit = { exitCode: number | null; oomKilled: boolean; requested: boolean; at: Date }

export type Machine = {
  id: string
  app: string
  phase: MachinePhase
  /** The backend's own word, shown and never decided upon. */
  state: string
  region: string
  /** As it runs, with a digest where the backend resolved one. */
  image: string
  /** What we wrote on it; undefined for a machine that is not ours. */
  labels: MachineLabels | undefined
  /** The newest exit, if there was one. */
  exit: MachineExit | undefined
  /** A sentence from the backend on why it could not start (an image it could not pull, say). */
  trouble: string | undefined
}

/** Unknown is a third answer: the backend did not say. It never means absent. */
export type Observed =
  | { presence: 'present'; machine: Machine }
  | { presence: 'absent' }
  | { presence: 'unknown'; problem: ProvisionProblem }

/** What went wrong at the backend, classified once. */
export type ProvisionProblem = {
  code: ProvisionProblemCode
  message: string
  hint: string
  requestId?: string
  /** Whether the same call can succeed later without anybody changing anything. */
  retryable: boolean
  retryAfterMs?: number
}

export type ProvisionProblemCode =
  | 'provider_unreachable'
  | 'rate_limited'
  | 'unauthorized'
  | 'app_not_found'
  | 'no_capacity'
  | 'quota'
  | 'image_unpullable'
  | 'invalid_machine'
  | 'name_taken'
  | 'machine_gone'
  | 'secrets_unreadable'
  | 'secrets_refused'
  | 'busy'

/** Thrown by every verb below when the backend refused or did not answer. */
export class ProvisionError extends Error {
  override name = 'ProvisionError'
  readonly problem: ProvisionProblem
  /** Whether the call may have been carried out all the same. */
  readonly applied: 'no' | 'unknown'

  constructor(problem: ProvisionProblem, options: { applied: 'no' | 'unknown'; cause?: unknown }) {
    super(problem.message, { cause: options.cause })
    this.problem = problem
    this.applied = options.applied
  }
}

/** The name of a secret that a machine was given, and whose it is. */
export type DeliveredSecret = { name: string; workspaceId: string; generation: number }

/** Which machine: ids are only looked up within their app. */
export type MachineRef = { app: string; machineId: string }

export type FleetEntry = { machineId: string; phase: MachinePhase; state: string }

/** A machine in the provider's full inventory, also one that is not ours. */
export type InventoryEntry = Machine & {
  name: string
  createdAt: Date | undefined
  cpus: number
  memoryMb: number
}

export type Provisioner = {
  readonly name: 'flyio'
  /** The apps new machines are made in. The provider's limits are per app. */
  readonly apps: readonly [string, ...string[]]
  readonly regions: readonly string[]
  /** Creates that an app takes per second, and how many at once after a rest. */
  readonly launchRate: { perSecond: number; burst: number }
  /** Whether we are let in to every app. @throws ProvisionError */
  check(): Promise<void>
  /** Makes the one machine of a spec. If a machine of that name exists already and carries the same workspace, it is adopted. */
  launch(app: string, spec: MachineSpec): Promise<Machine>
  /** Gives an existing machine a new spec and boots it with that. Region and name stay as they are. */
  update(machine: MachineRef, spec: MachineSpec): Promise<Machine>
  start(machine: MachineRef): Promise<void>
  stop(machine: MachineRef): Promise<void>
  /** Keeps the memory where the backend can; stops the machine where it cannot. */
  suspend(machine: MachineRef): Promise<void>
  /** Asks for the machine's end, from any state. A machine that is already gone is success. */
  destroy(machine: MachineRef): Promise<void>
  /** The machine by its id or, while that is not known, by its labels. Never throws for a backend's failure: see {@link Observed}. */
  observe(workspaceId: string, app: string, machineId: string | null): Promise<Observed>
  /** Waits until the machine rests, `seconds` (1–60) have passed or the signal aborts. May return early; never a proof of anything. */
  waitUntilSettled(machine: MachineRef, seconds: number, signal?: AbortSignal): Promise<void>
  /** All machines of a control plane in one app, as the backend's inventory has them: may lag, and says little of each. */
  fleet(app: string, controlPlane: string): Promise<FleetEntry[]>
  /** Everything in one app, ours or not, with what it costs. */
  inventory(app: string): Promise<InventoryEntry[]>
  /** The secrets that machines of a control plane were given in one app, as far as the backend keeps them. */
  listSecrets(app: string, controlPlane: string): Promise<DeliveredSecret[]>
  /** Takes them back, by name. */
  forgetSecrets(app: string, names: string[]): Promise<void>
  /** Where one machine's HTTP port is reached, and the headers that pick this machine and no other. */
  endpoint(machine: MachineRef): { url: string; headers: Record<string, string> }
  /** Estimated US dollars per 30 days of a machine of this size while it runs. */
  monthlyPrice(size: { cpus: number; memoryMb: number }): number
}
