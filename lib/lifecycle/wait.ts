// `Prefer: wait=N`: an answer that is held until the workspace is at rest, so that callers need not poll.
import type { Core } from '../platform/context.ts'
import { pollUntil } from '../platform/poll.ts'
import { isTransient } from './lifecycle.ts'
import { getWorkspace } from './queries.ts'
import type { Workspace } from './workspace.ts'

/** Longest wait that is granted, in seconds: proxies between us and the caller give up at about a hundred. */
export const MAX_WAIT_SECONDS = 60

/** Machine states in which nothing runs (docs/facts/fly.md §3). */
const STOPPED = new Set(['stopped', 'suspended'])

/**
 * Whether a workspace has come to rest: its status is not transient, and its machine is where the status wants it. A
 * paused or hibernated one is stopped or suspended, and that of a removed one is gone, as is its disk.
 */
function isSettled({ disk, launchId, machineState, status }: Workspace): boolean {
  if (isTransient(status)) return false
  if (status === 'removed') return launchId === null && (disk === null || disk.state === 'gone')
  if (status === 'paused' || status === 'hibernated') {
    return launchId === null || STOPPED.has(machineState ?? '')
  }
  return true
}

/**
 * Reads the workspace until it is settled, the time is over, the caller has left or we must; then returns what it is
 * now.
 */
export async function waitUntilSettled(
  services: Core,
  id: string,
  seconds: number,
  signal?: AbortSignal,
): Promise<Workspace> {
  let row = await getWorkspace(services.db, id)
  if (isSettled(row)) return row
  await pollUntil(services, { timeoutMs: seconds * 1000, signal }, async ({ db }) => {
    row = await getWorkspace(db, id)
    return isSettled(row)
  })
  return row
}
