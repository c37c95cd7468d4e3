// An agent calls home: once at boot with its card and, later, when the card changes. The address it reports is kept for
// people to read and never dialled: we decided where it lives when we made its machine (molecule.md §0.3).
import type { Core } from '../platform/context.ts'
import { and, eq, ne } from 'drizzle-orm'
import { z } from 'zod'
import { workspaces } from '../../drizzle/schema/index.ts'
import { workspaceNotFound } from '../platform/errors.ts'
import { boundedText } from '../platform/postgres-text.ts'
import { changeWorkspace } from '../lifecycle/transition.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import { AgentCard } from '../reconcile/probe-agent.ts'
import { authenticateAgent } from '../auth/authenticate-agent.ts'
import { inboundSecret } from '../auth/inbound-secret.ts'

/** The body of POST /registry/register (molecule.md §1.4). Members that newer agents add are ignored. */
export const RegisterInput = z.object({
  id: z.uuid(),
  url: boundedText().max(2048).nullish(),
  agent_card: AgentCard,
})

/** The body of POST /registry/update-card. */
export const UpdateCardInput = z.object({ workspace_id: z.uuid(), agent_card: AgentCard })

/**
 * Stores the card. Becoming ready is left to the reconcile that follows: agents register before they listen
 * (molecule.md §1.3), and `ready` means that a message will be answered.
 * @returns the row, undefined when the agent belongs to a generation that is over and its word changes nothing; and the
 *   secret by which that agent knows us
 * @throws DomainError `unauthenticated`
 */
export async function registerAgent(
  services: Core,
  input: z.infer<typeof RegisterInput>,
  token: string | undefined,
): Promise<{ row: Workspace | undefined; inboundSecret: string }> {
  const now = services.now()
  const { agentKey, generation } = await authenticateAgent(services.db, input.id, token, now)
  const row = await changeWorkspace(services, {
    id: input.id,
    event: 'agent_registered',
    now,
    where: ne(workspaces.status, 'removed'),
    fence: { generation },
    changes: {
      agentCard: input.agent_card,
      agentUrl: input.url ?? null,
      registeredAt: now,
      lastHeartbeatAt: now,
      nextCheckAt: now,
    },
  })
  return { row, inboundSecret: await inboundSecret(agentKey, input.id, generation) }
}

/** @throws DomainError `unauthenticated`, `not_found` */
export async function updateCard(
  services: Core,
  input: z.infer<typeof UpdateCardInput>,
  token: string | undefined,
): Promise<void> {
  const now = services.now()
  await authenticateAgent(services.db, input.workspace_id, token, now)
  const changed = await changeWorkspace(services, {
    id: input.workspace_id,
    event: 'agent_card_updated',
    now,
    where: and(eq(workspaces.id, input.workspace_id), ne(workspaces.status, 'removed')),
    changes: { agentCard: input.agent_card },
  })
  if (changed === undefined) throw workspaceNotFound()
}
