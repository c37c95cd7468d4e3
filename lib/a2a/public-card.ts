// Whether the card of a workspace can be read without a token: as the workspace says, or else as PUBLIC_AGENT_CARDS
// says. The extended card is never public.
import { and, eq, ne } from 'drizzle-orm'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { workspaces } from '../../drizzle/schema/index.ts'
import type { Context } from '../config/context.ts'

const publicStatement = prepared((db, valueOf: ValueOf<{ id: string }>) =>
  db
    .select({ publicCard: workspaces.publicCard })
    .from(workspaces)
    .where(and(eq(workspaces.id, valueOf('id')), ne(workspaces.status, 'removed'))),
)

/** False for a workspace that is unknown or removed. */
export async function isCardPublic({ config, db }: Context, id: string): Promise<boolean> {
  const [found] = await publicStatement(db, { id })
  return found !== undefined && (found.publicCard ?? config.publicAgentCards)
}
