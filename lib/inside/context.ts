// The surroundings of everything that looks or reaches into a machine.
import type { ReconcileContext } from '../reconcile/context.ts'
import type { LogTails } from './log-tail.ts'

export type InsideContext = ReconcileContext & {
  /** The logs that are being followed, one for each workspace; undefined where requests share nothing. */
  logTails: LogTails | undefined
}
