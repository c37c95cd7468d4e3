// Whether the card of a workspace can be read without a token: as the workspace says, or else as PUBLIC_AGENT_CARDS
// says. The extended card is never public.
import { and, eq, ne } from 'drizzle-orm'
import { workspaces } from '../../drizzle/schema/index.ts'
import type { Context } from '../config/context.ts'

/** False for a workspace that is unknown or removed. */
export async function isCardPublic({ config, db }: Context, id: string): Promise<boolean> {
  const [found] = await db
    .select({ publicCard: workspaces.publicCard })
    .from(workspaces)
    .where(and(eq(workspaces.id, id), ne(workspaces.status, 'removed')))
  return found !== undefined && (found.publicCard ?? config.publicAgentCards)
}
