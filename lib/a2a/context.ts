// What the A2A proxy needs: everything that reconciling needs, and what forwarding messages needs.
import type { ActivityLog } from '../activity/activity-log.ts'
import type { TtlCache } from '../platform/ttl-cache.ts'
import type { ReconcileContext } from '../reconcile/context.ts'
import type { AnswersInFlight } from './answers-in-flight.ts'
import type { Limits } from './limits.ts'
import type { Route } from './route.ts'
import type { Transport } from './transport/transport.ts'

/** When a look at a machine began, and since when the machine had been at rest; both in steady milliseconds. */
export type MachineRest = { beganAt: number; since: number | undefined }

export type ProxyContext = ReconcileContext & {
  /** Sends A2A requests to agents. */
  transport: Transport
  limits: Limits
  /** What is kept of the answers to stored messages. */
  answersInFlight: AnswersInFlight
  /** Routes to workspaces that are awake, by workspace id. */
  routes: TtlCache<Route>
  /** What was seen of machines that did not answer, by `<workspace> <machine>`. */
  machineRests: TtlCache<MachineRest>
  /** Whether two workspaces may communicate, by `<caller> <target>`. */
  peerAccess: TtlCache<boolean>
  /** Records agents' activity after an answer. */
  activity: ActivityLog
}
