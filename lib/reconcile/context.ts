// The surroundings of everything that observes machines and acts on them.
import type { Context } from '../config/context.ts'
import type { TtlCache } from '../platform/ttl-cache.ts'
import type { Provisioner } from '../provisioner/provisioner.ts'

export type ReconcileContext = Context & {
  provisioner: Provisioner
  /** Reaches the provider's API and the machines, and nothing else (lib/egress/). */
  fetch: typeof fetch
  /** Requests in flight through the proxy of this process (lib/a2a/limits.ts). */
  limits: { busyWorkspaces(): string[] }
  /** Workspaces that were observed a moment ago because a message failed. */
  recentProbes: TtlCache<true>
}
