// Finds the route of a message: waits for a workspace that is starting, and wakes one that is hibernated.
import { isTransient } from '../lifecycle/lifecycle.ts'
import { waitUntilSettled } from '../lifecycle/wait.ts'
import { isExternal } from '../machines/runtimes.ts'
import { isStopping } from '../platform/context.ts'
import { reconcileNow } from '../reconcile/reconcile-now.ts'
import { wakeWorkspace } from '../lifecycle/wake.ts'
import type { ProxyContext } from './context.ts'
import { ProxyError } from './errors/proxy-error.ts'
import { LEADS_TO_READY, noRouteError, readRoute, type Route } from './route.ts'

/** Subrequests that are kept for what follows the wait. */
const RESERVED_SUBREQUESTS = 8

const POLLS =
  'the agent of this workspace runs elsewhere and fetches its messages: only message/send in JSON-RPC reaches it'

export type WaitOptions = {
  /** Longest wait for the workspace, in milliseconds. */
  ms: number
  /** Aborted when the route is not needed any more. */
  signal: AbortSignal | undefined
  /** Registers work that continues after the answer. */
  waitUntil: (work: Promise<unknown>) => void
  /** Called once, before the first wait. */
  onWait?: () => void
}

/**
 * The route to a workspace's agent. Wakes the workspace if needed.
 * @throws ProxyError with the reason when there is none; DomainError `not_found`
 */
export async function resolveRoute(services: ProxyContext, id: string, wait: WaitOptions): Promise<Route> {
  const until = services.steady() + wait.ms
  for (let hasWaited = false; ; hasWaited = true) {
    const found = await readCached(services, id)
    if ('origin' in found) return found
    if (!LEADS_TO_READY.includes(found.status)) throw noRouteError(found)
    if (isExternal(found)) throw new ProxyError('AGENT_POLLS', POLLS)
    if (found.status === 'hibernated') {
      await wakeWorkspace(services, found)
      wait.waitUntil(reconcileNow(services, id))
    }
    const leftMs = until - services.steady()
    const mustStop = leftMs <= 0 || services.budget.left() < RESERVED_SUBREQUESTS || isStopping(services)
    if (mustStop || wait.signal?.aborted === true) throw noRouteError(found)
    if (!hasWaited) wait.onWait?.()
    // At rest and without a machine: the next sweep makes one.
    if (!isTransient(found.status) && found.status !== 'hibernated') await services.sleep(250, wait.signal)
    else await waitUntilSettled(services, id, leftMs / 1000, wait.signal)
  }
}

/** @returns the route, or the workspace's row where it is not awake */
async function readCached(services: ProxyContext, id: string) {
  const { routes } = services
  const cached = routes.peek(id)
  if (cached !== undefined) return cached
  let row: Awaited<ReturnType<typeof readRoute>>['row'] | undefined
  const route = await routes.load(id, async () => {
    const found = await readRoute(services, id, 'use')
    row = found.row
    return found.route
  })
  // If another request's read found no route, this one has no row yet.
  return route ?? row ?? (await readRoute(services, id, 'use')).row
}
