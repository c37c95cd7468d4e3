// The provider of a run, whichever it is, seen past the code under test: what machines and volumes exist, which messages arrived
// at agents, and what a control plane did to machines that are not its own.
import type { Holdings } from './holdings.ts'
import type { Fault, Violation } from './parts.ts'

/** What the provider must know of a control plane. */
export type Tenant = {
  name: string
  /** Its id in the labels of its machines. */
  id: string
  /** The URL of a replica that runs; undefined while none does. */
  pickReplica: () => string | undefined
}

export type World = {
  regions: readonly string[]
  runtimes: readonly string[]
  /** Digests of images for rollouts: good ones, and one whose program ends at once. */
  digests: { good: readonly string[]; crashing: string }
  /** How often an agent received each message, by message id. */
  arrivals: ReadonlyMap<string, number>
  /** Lets a control plane use it. @returns its settings */
  admit(tenant: Tenant): Promise<Record<string, string>>
  /** All machines and volumes, of all control planes and of others. */
  look(): Promise<Holdings>
  /** The counter on a volume, as it is there; 0 when there is none. */
  counterOf: (volume: string) => number
  /** Its own kinds of faults, by name. `controlPlanes`: the ids of those that use it. */
  faults: Record<string, (controlPlanes: readonly string[]) => Fault[]>
  /** Machines of others that a control plane changed or destroyed. */
  touched(): Promise<Violation[]>
  close(): Promise<void>
}
