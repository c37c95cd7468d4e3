// The interface of a provider of machines. Fly Machines and Docker implement it; test/support/provisioner-contract.ts is
// the contract that every provider must satisfy.
import type { MachineLabels, MachineSpec } from '../machines/machine-spec.ts'
import type { DiskProvisioner } from './disks.ts'
import type { InsideProvisioner } from './inside.ts'
import type { ProvisionProblem } from './problem.ts'

export type { ProvisionProblemCode } from '../../drizzle/schema/index.ts'
export { ProvisionError, type ProvisionProblem } from './problem.ts'

/**
 * The state of a machine, reduced to what decisions need. `busy` is any state that ends by itself, and any state that
 * is not known to us. `unknown`: the host does not answer, and nothing may be concluded.
 */
export type MachinePhase = 'busy' | 'started' | 'stopped' | 'suspended' | 'failed' | 'gone' | 'unknown'

/** How the program last ended, if the provider knows. */
export type MachineExit = {
  exitCode: number | null
  oomKilled: boolean
  /** The stop was requested, by this control plane or by others. */
  requested: boolean
  at: Date
  /** Seconds from the program's start to its end, if both are known. */
  ranSeconds: number | undefined
}

/** A stop or suspend that was requested, by this control plane or by others. */
export type StopRequest = {
  verb: 'stop' | 'suspend'
  /** The provider's own word for who requested it; null if it does not say. */
  source: string | null
  at: Date | null
  /** After so many minutes the provider itself ends machines, and this one ran as long; absent otherwise. */
  limitMinutes?: number
}

/** The provider's own commands for one machine, as people type them, and what it says of its limits. */
export type MachineHelp = {
  /** Prints its log. */
  log: string
  /** Shows its state and its events. */
  look: string
  /** Ends a cordon; absent where there is none. */
  uncordon?: string
  /** Why it may end machines after some minutes, and what helps; absent where it does not. */
  limit?: string
}

export type Machine = {
  id: string
  app: string
  phase: MachinePhase
  /** The provider's own word, for display only. */
  state: string
  region: string
  help: MachineHelp
  /** The running image, with its digest if the provider resolved one. */
  image: string
  /** The provider's version of the machine's configuration; undefined if it does not say. */
  version: string | undefined
  /** The provider's proxy sends it no requests. */
  isCordoned: boolean
  /** Undefined while the host does not answer. */
  size: { cpus: number; memoryMb: number } | undefined
  /** The provider's id of the disk that the machine has; undefined if it has none, or while the host does not answer. */
  disk: string | undefined
  /** Our labels; undefined for a machine that is not ours. */
  labels: MachineLabels | undefined
  /** The newest exit, if any. */
  exit: MachineExit | undefined
  /** The request that ended its last run; undefined while it runs, and if the provider shows no request. */
  stopRequest: StopRequest | undefined
  /** Why the machine could not start, in the provider's own words. */
  startError: { code: 'image_unpullable' | 'machine_failed'; text: string } | undefined
}

/**
 * `unknown`: the provider did not answer. It never means absent. `restedMs` is how long the machine has been at rest by the
 * provider's own clock, at least; undefined while it runs, or if the provider does not say.
 */
export type Observed =
  | { presence: 'present'; machine: Machine; restedMs?: number | undefined }
  | { presence: 'absent' }
  | { presence: 'unknown'; problem: ProvisionProblem }

/** The name of a secret that was delivered to a machine, and its owner. */
export type DeliveredSecret = { name: string; workspaceId: string; generation: number }

/** A machine's id within its app. */
export type MachineRef = { app: string; machineId: string }

export type FleetEntry = {
  machineId: string
  phase: MachinePhase
  state: string
  /** See {@link signatureOf}; undefined if the list does not have it. */
  signature?: string | undefined
}

/** What a list shows of changes by others, in one text: the configuration's version, and whether it is cordoned. */
export const signatureOf = ({ isCordoned, version }: Pick<Machine, 'isCordoned' | 'version'>) =>
  version === undefined ? undefined : `${version}${isCordoned ? ' cordoned' : ''}`

/** A machine in the provider's inventory, including machines that are not ours. */
export type InventoryEntry = Machine & {
  name: string
  createdAt: Date | undefined
  size: { cpus: number; memoryMb: number }
}

export type Provisioner = DiskProvisioner &
  InsideProvisioner & {
    readonly name: 'flyio' | 'docker'
    /** The apps in which machines are created. The provider's limits are per app. */
    readonly apps: readonly [string, ...string[]]
    readonly regions: readonly string[]
    /** The limit of creates per app: requests per second, and the burst. */
    readonly launchRate: { perSecond: number; burst: number }
    /**
     * Whether secrets are stored at the provider, apart from the machine: one delivery then serves every launch of a
     * generation.
     */
    readonly storesSecrets: boolean
    /**
     * Checks that the provider answers and lets this control plane make machines.
     * @returns what was found, in a few words. @throws ProvisionError
     */
    check(): Promise<string>
    help(machine: MachineRef): MachineHelp
    /** The port on which the agent of the next launch or update must listen. @throws ProvisionError */
    agentPort(): Promise<number>
    /** Creates the machine of a spec, or adopts the machine of that name if its labels name the same workspace. */
    launch(app: string, spec: MachineSpec, secretsVersion?: number): Promise<Machine>
    /** Replaces the spec of a machine and starts it. Region and name stay. Ends a cordon. */
    update(machine: MachineRef, spec: MachineSpec, secretsVersion?: number): Promise<Machine>
    /**
     * Writes the secrets of a spec, before the launch or update that names them.
     * @returns the version that the launch waits for; undefined where the secrets are part of the machine's
     *   configuration
     */
    deliverSecrets(app: string, spec: MachineSpec): Promise<number | undefined>
    start(machine: MachineRef): Promise<void>
    stop(machine: MachineRef): Promise<void>
    /** Whether what a machine wrote beside its disk outlives a stop; a new specification never keeps it. */
    readonly keepsRootFiles: boolean
    /** Whether a machine with this memory is suspended, and not stopped, by {@link Provisioner.suspend}. */
    keepsMemory(memoryMb: number): boolean
    /** Suspends the machine with its memory, or stops it where the provider cannot. */
    suspend(machine: MachineRef): Promise<void>
    /** Requests the machine's destruction, from any state. A machine that is gone already is a success. */
    destroy(machine: MachineRef): Promise<void>
    /**
     * The machine by its id or, while that is unknown, by its labels and name. Failures of the provider are a result, not an
     * error.
     */
    observe(workspaceId: string, app: string, machineId: string | null, name?: string): Promise<Observed>
    /**
     * Waits until the machine is in a settled state, for `seconds` (1 to 60), or until the signal aborts.
     * @returns false when the provider refused to wait, or did not answer
     */
    waitUntilSettled(machine: MachineRef, seconds: number, signal?: AbortSignal): Promise<boolean>
    /**
     * All machines of a control plane in one app, from the provider's list, which may lag.
     * @param withHosts also asks whether their hosts answer, which makes the list much longer
     */
    fleet(app: string, controlPlane: string, withHosts?: boolean): Promise<FleetEntry[]>
    /** All machines in one app, including those that are not ours, with their sizes. */
    inventory(app: string): Promise<InventoryEntry[]>
    /** The secrets that were delivered to machines of a control plane in one app, if the provider stores them. */
    listSecrets(app: string, controlPlane: string): Promise<DeliveredSecret[]>
    /** Deletes delivered secrets, by name. */
    deleteSecrets(app: string, names: string[]): Promise<void>
    /** The URL of a machine's HTTP port, and the headers that route to this machine. @throws ProvisionError */
    endpoint(machine: MachineRef): Promise<{ url: string; headers: Record<string, string> }>
    /**
     * Calls back whenever a machine of a control plane has changed, until the signal aborts or the provider ends the
     * stream. Absent where the provider reports no changes. @throws an error where the provider cannot be reached
     */
    watch?(controlPlane: string, onChange: () => void, signal: AbortSignal): Promise<void>
  }
