// What the agent of a removed workspace may still learn: that it was removed. Its token is revoked, and recognized here.
import { and, eq } from 'drizzle-orm'
import { workspaces, workspaceTokens } from '../../drizzle/schema/index.ts'
import { hashToken } from '../auth/token.ts'
import type { Store } from '../platform/context.ts'

/** Whether a token was one of a workspace that is removed now. */
export async function isTokenOfRemoved({ db }: Store, id: string, token: string): Promise<boolean> {
  const [row] = await db
    .select({ id: workspaces.id })
    .from(workspaceTokens)
    .innerJoin(workspaces, eq(workspaces.id, workspaceTokens.workspaceId))
    .where(
      and(
        eq(workspaceTokens.hash, await hashToken(token)),
        eq(workspaces.id, id),
        eq(workspaces.status, 'removed'),
      ),
    )
  return row !== undefined
}
