// Registers an agent: once at boot with its card, and again when the card changes. The address that it reports is
// stored for people to read and never called: the control plane knows the address of the machine that it created
// (docs/facts/molecule.md §0.3).
import { and, eq, ne, sql } from 'drizzle-orm'
import { z } from 'zod'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { workspaces } from '../../drizzle/schema/index.ts'
import { authenticateAgent } from '../auth/authenticate-agent.ts'
import { inboundSecret } from '../auth/inbound-secret.ts'
import { getLivingWorkspace, getWorkspace } from '../lifecycle/queries.ts'
import { changeStatement, payloadOf } from '../lifecycle/transition.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import { isExternal } from '../machines/runtimes.ts'
import type { Core } from '../platform/context.ts'
import { invalidField } from '../platform/errors.ts'
import { agentText, toPostgresJson } from '../platform/postgres-text.ts'
import { AgentCard } from '../reconcile/probe-agent.ts'
import { followCard, storeCard } from '../reconcile/store-card.ts'
import { uuidInput } from '../platform/uuid.ts'

/** An agent cannot act on an error about one character of its card, so characters that cannot be stored are replaced. */
const RepairedCard = z.preprocess((card) => toPostgresJson(card), AgentCard)

/** The body of POST /registry/register (docs/facts/molecule.md §1.4). Unknown members are ignored. */
export const RegisterInput = z.object({
  id: uuidInput(),
  url: agentText(2048).optional(),
  agent_card: RepairedCard,
  delivery_mode: agentText(20).optional(),
})

/** The body of POST /registry/update-card. */
export const UpdateCardInput = z.object({ workspace_id: uuidInput(), agent_card: RepairedCard })

type RegisterValues = {
  id: string
  generation: number
  now: Date
  card: string
  url: string | null
  payload: string
}

const registerStatement = prepared((db, valueOf: ValueOf<RegisterValues>) => {
  const now = sql`${valueOf('now')}::timestamptz`
  return changeStatement(db, {
    id: valueOf('id'),
    event: 'agent_registered',
    now,
    payload: sql`${valueOf('payload')}::jsonb`,
    where: and(ne(workspaces.status, 'removed'), eq(workspaces.generation, valueOf('generation'))),
    changes: {
      agentCard: sql`${valueOf('card')}::jsonb`,
      agentUrl: sql`${valueOf('url')}::text`,
      registeredAt: now,
      lastHeartbeatAt: now,
      nextCheckAt: now,
    },
  })
})

/**
 * Stores the card. The reconcile that follows makes the workspace ready: agents register before they listen
 * (docs/facts/molecule.md §1.3), and `ready` means that a message will be answered.
 * An agent that runs elsewhere is ready at once, and fetches its messages (lib/messages/inbox.ts).
 * @returns the row, undefined when the agent belongs to an earlier generation and nothing was changed; and the secret
 *   by which the agent authenticates the proxy
 * @throws DomainError `unauthenticated`; `invalid_input` for an agent that runs elsewhere and wants to be called
 */
export async function registerAgent(
  services: Core,
  input: z.infer<typeof RegisterInput>,
  token: string | undefined,
): Promise<{ row: Workspace | undefined; inboundSecret: string }> {
  const now = services.now()
  const { agentKey, generation } = await authenticateAgent(services.db, input.id, token, now)
  if (input.delivery_mode === 'push') await refuseToCall(services, input.id)
  const [stored] = await registerStatement(services.db, {
    id: input.id,
    generation,
    now,
    card: JSON.stringify(input.agent_card),
    url: input.url ?? null,
    payload: payloadOf(services.by, { event: 'agent_registered' }),
  })
  if (stored !== undefined) services.invalidate(stored.id)
  const row = stored && (await followCard(services, stored))
  return { row, inboundSecret: await inboundSecret(agentKey, input.id, generation) }
}

async function refuseToCall({ db }: Core, id: string): Promise<void> {
  if (!isExternal(await getWorkspace(db, id))) return
  throw invalidField('delivery_mode', 'must be poll: this server calls no address that an agent names')
}

/** @throws DomainError `unauthenticated`, `not_found` */
export async function updateCard(
  services: Core,
  input: z.infer<typeof UpdateCardInput>,
  token: string | undefined,
): Promise<void> {
  const now = services.now()
  await authenticateAgent(services.db, input.workspace_id, token, now)
  await storeCard(services, {
    id: input.workspace_id,
    card: input.agent_card,
    where: ne(workspaces.status, 'removed'),
  })
  await getLivingWorkspace(services.db, input.workspace_id)
}
