// Reads an agent's card again after an answer that an address gives which the agent does not serve any more: agents
// change their cards while they run, and not all of them report it.
import { inArray } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import { TRANSITIONS } from '../lifecycle/lifecycle.ts'
import { interfacePaths } from '../reconcile/agent-interfaces.ts'
import { storeCard } from '../reconcile/store-card.ts'
import type { Core } from '../platform/context.ts'
import type { ProxyContext } from './context.ts'
import type { ProxyError } from './errors/proxy-error.ts'
import { requestCard } from './request-card.ts'
import type { Route } from './route.ts'

const MOVED_STATUSES = new Set([301, 302, 303, 307, 308, 404, 405, 410])

/** Whether an answer with this status may mean that the address is an old one. */
export const mayHaveMoved = (status: number): boolean => MOVED_STATUSES.has(status)

/** Whether a request failed because the agent does not serve its address. */
export const isAddressRefused = ({ facts, reason }: ProxyError): boolean =>
  reason === 'BINDING_NOT_OFFERED' || mayHaveMoved(Number(facts['agent_status']))

/**
 * Requests the card once within a few seconds, however many messages fail.
 * @returns whether the agent's addresses have changed; the cached route is then gone
 */
export async function refreshRoute(services: ProxyContext, route: Route): Promise<boolean> {
  const key = `card ${route.workspaceId}`
  if (services.recentProbes.peek(key) === true) return false
  let hasMoved = false
  await services.recentProbes.load(key, async () => {
    const card = (await requestCard(services, route, undefined))?.storable
    if (card !== undefined) hasMoved = await storeMovedCard(services, route, card)
    return true
  })
  return hasMoved
}

/** Stores a card whose addresses are not those of the route. @returns whether it did */
export async function storeMovedCard(
  services: Core,
  route: Route,
  card: Record<string, unknown>,
): Promise<boolean> {
  if (JSON.stringify(interfacePaths(card)) === JSON.stringify(route.paths)) return false
  const stored = await storeCard(services, {
    id: route.workspaceId,
    card,
    fence: { generation: route.generation },
    where: inArray(workspaces.status, [...TRANSITIONS.machine_stopped.from]),
  })
  return stored !== undefined
}
