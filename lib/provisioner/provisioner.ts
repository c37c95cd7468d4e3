// The interface of a provider of machines. Fly Machines is the first one; test/fly/provisioner-contract.ts is the
// contract that every provider must satisfy.
import type { MachineLabels, MachineSpec } from '../machines/machine-spec.ts'

/**
 * The state of a machine, reduced to what decisions need. `busy` is any state that ends by itself, and any state that
 * is not known to us. `unknown`: the host does not answer, and nothing may be concluded.
 */
export type MachinePhase = 'busy' | 'started' | 'stopped' | 'suspended' | 'failed' | 'gone' | 'unknown'

/** How the program last ended, if the provider knows. */
export type MachineExit = { exitCode: number | null; oomKilled: boolean; requested: boolean; at: Date }

export type Machine = {
  id: string
  app: string
  phase: MachinePhase
  /** The provider's own word, for display only. */
  state: string
  region: string
  /** The running image, with its digest if the provider resolved one. */
  image: string
  /** Our labels; undefined for a machine that is not ours. */
  labels: MachineLabels | undefined
  /** The newest exit, if any. */
  exit: MachineExit | undefined
  /** The provider's text on why the machine could not start, such as an image that it could not pull. */
  startError: string | undefined
}

/** `unknown`: the provider did not answer. It never means absent. */
export type Observed =
  | { presence: 'present'; machine: Machine }
  | { presence: 'absent' }
  | { presence: 'unknown'; problem: ProvisionProblem }

/** A failure of the provider, classified. */
export type ProvisionProblem = {
  code: ProvisionProblemCode
  message: string
  hint: string
  requestId?: string
  /** Whether the same call can succeed later without any change by people. */
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

/** Thrown by every verb below when the provider refused or did not answer. */
export class ProvisionError extends Error {
  override name = 'ProvisionError'
  readonly problem: ProvisionProblem
  /** `unknown`: the call may have been carried out. */
  readonly applied: 'no' | 'unknown'

  constructor(problem: ProvisionProblem, options: { applied: 'no' | 'unknown'; cause?: unknown }) {
    super(problem.message, { cause: options.cause })
    this.problem = problem
    this.applied = options.applied
  }
}

/** The name of a secret that was delivered to a machine, and its owner. */
export type DeliveredSecret = { name: string; workspaceId: string; generation: number }

/** A machine's id within its app. */
export type MachineRef = { app: string; machineId: string }

export type FleetEntry = { machineId: string; phase: MachinePhase; state: string }

/** A machine in the provider's inventory, including machines that are not ours. */
export type InventoryEntry = Machine & {
  name: string
  createdAt: Date | undefined
  cpus: number
  memoryMb: number
}

export type Provisioner = {
  readonly name: 'flyio'
  /** The apps in which machines are created. The provider's limits are per app. */
  readonly apps: readonly [string, ...string[]]
  readonly regions: readonly string[]
  /** The limit of creates per app: requests per second, and the burst. */
  readonly launchRate: { perSecond: number; burst: number }
  /** Checks that the token may use every app. @throws ProvisionError */
  check(): Promise<void>
  /** Creates the machine of a spec, or adopts the machine of that name if its labels name the same workspace. */
  launch(app: string, spec: MachineSpec): Promise<Machine>
  /** Replaces the spec of a machine and starts it. Region and name stay. */
  update(machine: MachineRef, spec: MachineSpec): Promise<Machine>
  start(machine: MachineRef): Promise<void>
  stop(machine: MachineRef): Promise<void>
  /** Suspends the machine with its memory, or stops it where the provider cannot. */
  suspend(machine: MachineRef): Promise<void>
  /** Requests the machine's destruction, from any state. A machine that is gone already is a success. */
  destroy(machine: MachineRef): Promise<void>
  /**
   * The machine by its id or, while that is unknown, by its labels. Failures of the provider are a result, not an
   * error.
   */
  observe(workspaceId: string, app: string, machineId: string | null): Promise<Observed>
  /**
   * Waits until the machine is in a settled state, for `seconds` (1 to 60), or until the signal aborts. May return
   * early.
   */
  waitUntilSettled(machine: MachineRef, seconds: number, signal?: AbortSignal): Promise<void>
  /** All machines of a control plane in one app, from the provider's list, which may lag. */
  fleet(app: string, controlPlane: string): Promise<FleetEntry[]>
  /** All machines in one app, including those that are not ours, with their sizes. */
  inventory(app: string): Promise<InventoryEntry[]>
  /** The secrets that were delivered to machines of a control plane in one app, if the provider stores them. */
  listSecrets(app: string, controlPlane: string): Promise<DeliveredSecret[]>
  /** Deletes delivered secrets, by name. */
  deleteSecrets(app: string, names: string[]): Promise<void>
  /** The URL of a machine's HTTP port, and the headers that route to this machine. */
  endpoint(machine: MachineRef): { url: string; headers: Record<string, string> }
  /** The estimated price of a running machine of this size, in US dollars per 30 days. */
  monthlyPrice(size: { cpus: number; memoryMb: number }): number
}
