// Messages and sleep: a message waits for a workspace that is on its way, wakes one that is hibernated, and while its answer
// takes, the idle policy leaves the workspace alone.
import type { Core } from '../platform/context.ts'
import type { ProxyContext } from './context.ts'
import { isStopping } from '../platform/context.ts'
import { reconcileNow } from '../reconcile/reconcile-now.ts'
import { touchWorkspace, wakeWorkspace } from '../workspaces/hibernate.ts'
import { isTransient } from '../lifecycle/lifecycle.ts'
import { waitUntilSettled } from '../lifecycle/wait.ts'
import { COMING, readRoute, reasonNoRoute, type Route } from './route.ts'

/** An exchange that goes on counts as work this often, in milliseconds: well within the shortest idle time of a minute. */
const TOUCH_MS = 20_000

/** Requests that are not spent on waiting, but on what comes after. */
const KEPT = 8

export type WaitOptions = {
  /** Longest wait for the workspace, in milliseconds. */
  ms: number
  /** Aborted when nobody waits any more. */
  signal: AbortSignal | undefined
  /** Work that goes on after the answer. */
  waitUntil: (work: Promise<unknown>) => void
  /** Called once, before the first wait. */
  onWait?: () => void
}

/**
 * The way to a workspace's agent, awake if it can be.
 * @throws ProxyError saying why there is none; DomainError `not_found`
 */
export async function resolveRoute(
  services: ProxyContext,
  id: string,
  patience: WaitOptions,
): Promise<Route> {
  const until = services.now().getTime() + patience.ms
  for (let waited = false; ; waited = true) {
    const found = await read(services, id)
    if ('origin' in found) return found
    if (!COMING.includes(found.status)) throw reasonNoRoute(found)
    if (found.status === 'hibernated') {
      await wakeWorkspace(services, found)
      patience.waitUntil(reconcileNow(services, id))
    }
    const leftMs = until - services.now().getTime()
    const isOver = leftMs <= 0 || services.budget.left() < KEPT || isStopping(services)
    if (isOver || patience.signal?.aborted === true) throw reasonNoRoute(found)
    if (!waited) patience.onWait?.()
    // Settled, and yet without a machine to send to: the next sweep makes one.
    if (!isTransient(found.status) && found.status !== 'hibernated')
      await services.sleep(250, patience.signal)
    else await waitUntilSettled(services, id, leftMs / 1000, patience.signal)
  }
}

async function read(services: ProxyContext, id: string) {
  const routes = services.routes
  const known = routes.peek(id)
  if (known !== undefined) return known
  let row: Awaited<ReturnType<typeof readRoute>>['row'] | undefined
  const route = await routes.load(id, async () => {
    const found = await readRoute(services, id, 'use')
    row = found.row
    return found.route
  })
  // Somebody else's read found it not awake: what it is, is read again.
  return route ?? row ?? (await readRoute(services, id, 'use')).row
}

/** Keeps a workspace with an idle policy awake until the returned function is called, however long that is. */
export function keepWorkspaceAwake(services: Core, id: string): () => void {
  const over = new AbortController()
  const touch = async () => {
    for (;;) {
      await services.sleep(TOUCH_MS, over.signal)
      if (over.signal.aborted) return
      await touchWorkspace(services, id).catch(() => false)
    }
  }
  void touch()
  return () => over.abort()
}
