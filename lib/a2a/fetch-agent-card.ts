// The card of a workspace as its callers see it: requested from the agent while it is awake, else the last stored
// card, because reading a card should not start a machine (docs/facts/a2a.md §3.2).
import { DomainError, workspaceNotFound } from '../platform/errors.ts'
import { isReachableByHttp } from '../reconcile/agent-interfaces.ts'
import { notReachableByHttp } from '../reconcile/store-card.ts'
import type { ProxyContext } from './context.ts'
import { storeMovedCard } from './refresh-route.ts'
import { requestCard } from './request-card.ts'
import { noRouteError, readRoute } from './route.ts'
import { storedCardOf } from './stored-card.ts'
import { rewriteCard } from './wire/agent-card.ts'

export type ServedCard = {
  /** The card as JSON. */
  body: string
  /** The agent does not answer; this is its last known card. */
  isStored: boolean
}

/**
 * @param version the caller's `A2A-Version`: an agent may have a card for each protocol line
 * @throws ProxyError for a workspace that has no card yet; DomainError `not_found`, also for one that is removed;
 *   `conflict` for an agent that HTTP does not reach
 */
export async function fetchAgentCard(
  services: ProxyContext,
  input: { id: string; version: string | undefined; publicUrl: string },
): Promise<ServedCard> {
  const { row, route } = await readRoute(services, input.id, 'look')
  if (row.status === 'removed') throw workspaceNotFound()
  const live = route === undefined ? undefined : await requestCard(services, route, input.version)
  // The stored card is the one without a version, too.
  if (route !== undefined && live?.storable !== undefined && input.version === undefined)
    await storeMovedCard(services, route, live.storable)
  const card = live?.value ?? storedCardOf(row)
  if (card === null) throw noRouteError(row)
  if (!isReachableByHttp(card)) throw new DomainError('conflict', notReachableByHttp().message)
  const options = {
    url: `${input.publicUrl}/workspaces/${row.id}/a2a`,
    secured: services.config.adminTokens.length > 0,
  }
  const rewritten = rewriteCard(card, options)
  return { body: live?.print(rewritten) ?? JSON.stringify(rewritten), isStored: live === undefined }
}
