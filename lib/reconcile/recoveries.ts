// How often a workspace is brought back before it is given up, and how long it waits in between. Pure.
import type { Workspace } from '../lifecycle/workspace.ts'

/** Recoveries of one workspace before it is given up. */
export const MAX_RECOVERIES = 5

/** A workspace that was ready for this long has recovered; its count starts again. */
const STEADY_MS = 3_600_000

const LONGEST_PAUSE_MS = 300_000

/** Recoveries that count against the bound: an hour of being ready since the last one resets them. */
export const recoveriesOf = (workspace: Workspace, now: Date) =>
  workspace.readyAt !== null &&
  workspace.status === 'ready' &&
  now.getTime() - workspace.readyAt.getTime() > STEADY_MS
    ? 0
    : workspace.recoveries

export const isExhausted = (workspace: Workspace, now: Date) => recoveriesOf(workspace, now) >= MAX_RECOVERIES

/** Milliseconds between a crash and its recovery: 0 at first, then 2 s, doubling with each recovery. */
export const recoveryPause = ({ recoveries }: Workspace) =>
  recoveries === 0 ? 0 : Math.min(LONGEST_PAUSE_MS, 1_000 * 2 ** recoveries)
