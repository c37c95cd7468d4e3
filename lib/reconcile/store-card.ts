// Stores a card that differs from the stored one, and changes the status where the card says that HTTP reaches the
// agent no more, or again.
import { and, eq, inArray, type SQL, sql } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import { changeWorkspace, type Fence, transition } from '../lifecycle/transition.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import { isExternal } from '../machines/runtimes.ts'
import type { Core } from '../platform/context.ts'
import { reasonFor } from '../platform/reasons.ts'
import { isReachableByHttp } from './agent-interfaces.ts'

/** A reason for a workspace whose agent runs, and cannot be reached over HTTP. */
export const notReachableByHttp = () => reasonFor('not_reachable_by_http')

/** @returns the row after the change; undefined when the card is stored already, or the condition does not hold */
export async function storeCard(
  services: Core,
  { card, fence, id, where }: { id: string; card: Record<string, unknown>; fence?: Fence; where?: SQL },
): Promise<Workspace | undefined> {
  const row = await changeWorkspace(services, {
    id,
    event: 'agent_card_updated',
    now: services.now(),
    where: and(where, sql`${workspaces.agentCard} is distinct from ${JSON.stringify(card)}::jsonb`),
    changes: { agentCard: card },
    ...(fence === undefined ? {} : { fence }),
  })
  return row && (await followCard(services, row))
}

/** Changes the status of a running workspace to what its stored card says. @returns the row */
export async function followCard(services: Core, row: Workspace): Promise<Workspace> {
  const event = eventOf(row)
  if (event === undefined) return row
  const reason = event === 'http_not_offered' ? notReachableByHttp() : null
  const moved = await transition(services, {
    id: row.id,
    event,
    now: services.now(),
    fence: { generation: row.generation },
    where: and(eq(workspaces.status, row.status), inArray(workspaces.status, ['ready', 'degraded'])),
    changes: { reason },
    payload: { machine_id: row.machineId, ...(reason === null ? {} : { reason }) },
  })
  return moved ?? row
}

function eventOf(row: Workspace): 'http_not_offered' | 'http_offered' | undefined {
  // It is not called.
  if (isExternal(row)) return undefined
  const { agentCard, reason, status } = row
  const isReachable = isReachableByHttp(agentCard)
  if (status === 'ready' && !isReachable) return 'http_not_offered'
  const isRefused = status === 'degraded' && reason?.code === 'not_reachable_by_http'
  return isRefused && isReachable ? 'http_offered' : undefined
}
