// Messages and sleep: a message wakes a hibernated workspace and is sent when its agent answers; while one is in flight,
// the idle policy leaves the workspace alone.
import type { Services } from '../services.ts'
import { reconcileNow } from '../sweep.ts'
import { touchWorkspace, wakeWorkspace } from '../workspaces/hibernate.ts'
import { getWorkspace } from '../workspaces/queries.ts'
import { waitUntilSettled } from '../workspaces/wait.ts'
import type { Workspace } from '../workspaces/workspace.ts'

/** How long a message waits for a workspace that wakes up, in seconds. */
const WAKE_SECONDS = 60

/** A stream that goes on counts as work this often, in milliseconds: well within the shortest idle time of a minute. */
const TOUCH_MS = 20_000

/**
 * The workspace, awake if it can be: a hibernated one is woken and waited for, and so is one that somebody else is waking.
 * @returns the row as it is then, and what has to go on in the background
 * @throws DomainError `not_found`
 */
export async function openRoad(
  services: Services,
  id: string,
  signal: AbortSignal,
): Promise<{ row: Workspace; woken?: Promise<void> }> {
  const row = await getWorkspace(services.db, id)
  if (isAwake(row)) {
    // Before the message is sent, not after: the statement that puts idle workspaces to sleep compares what this one
    // writes. If it does not take, the workspace fell asleep in between.
    if (row.idleMinutes === null || (await touchWorkspace(services, id))) return { row }
  } else if (row.status !== 'hibernated' && !isWaking(row)) {
    return { row }
  }
  await wakeWorkspace(services, row)
  const woken = reconcileNow(services, id)
  return { row: await waitUntilSettled(services, id, WAKE_SECONDS, signal), woken }
}

const isAwake = ({ status }: Workspace) => status === 'ready' || status === 'degraded'

/** On its way back: it has been ready before. */
const isWaking = ({ readyAt, status }: Workspace) => status === 'provisioning' && readyAt !== null

/** Sends a message and notes, for as long as its answer takes, that the workspace is in use. */
export async function whileInUse(
  services: Services,
  id: string,
  send: () => Promise<Response>,
): Promise<Response> {
  const over = new AbortController()
  const touch = () => touchWorkspace(services, id).catch(() => false)
  const keepTouching = async () => {
    for (;;) {
      await services.sleep(TOUCH_MS, over.signal)
      if (over.signal.aborted) return
      await touch()
    }
  }
  void keepTouching()
  const done = async () => {
    over.abort()
    await touch()
  }
  try {
    const response = await send()
    if (response.body === null) {
      await done()
      return response
    }
    const watched = response.body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({ flush: done, cancel: done } as Transformer<
        Uint8Array,
        Uint8Array
      >),
    )
    return new Response(watched, response)
  } catch (error) {
    await done()
    throw error
  }
}
