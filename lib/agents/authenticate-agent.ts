// An agent's proof: its workspace token. One statement checks it, notes its use and, when it is the newest, ends the older
// ones: a restart's new token and the old one overlap until the new one is first used (molecule.md §7.4).
import { and, eq, isNull, lt, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { controlPlane, workspaces, workspaceTokens } from '../../drizzle/schema.ts'
import { DomainError } from '../errors.ts'
import { hashToken } from './token.ts'

export type AgentIdentity = {
  workspaceId: string
  /** The one that the token was delivered with; for a token that was asked for, the newest. */
  generation: number
  /** What our secret at this agent is derived from. */
  agentKey: string
}

/** @returns whose token it is, or undefined for one that is unknown or revoked */
export async function identifyAgent(
  db: Database,
  token: string,
  now: Date,
): Promise<AgentIdentity | undefined> {
  const hash = await hashToken(token)
  const used = db.$with('used').as(
    db
      .update(workspaceTokens)
      .set({ lastUsedAt: now })
      .where(and(eq(workspaceTokens.hash, hash), isNull(workspaceTokens.revokedAt)))
      .returning({ workspaceId: workspaceTokens.workspaceId, generation: workspaceTokens.generation }),
  )
  const older = db.$with('older').as(
    db
      .update(workspaceTokens)
      .set({ revokedAt: now })
      .where(
        and(
          sql`${workspaceTokens.workspaceId} = (select workspace_id from used)`,
          lt(workspaceTokens.generation, sql`(select generation from used)`),
          isNull(workspaceTokens.revokedAt),
        ),
      )
      .returning({ hash: workspaceTokens.hash }),
  )
  const [identity] = await db
    .with(used, older)
    .select({
      workspaceId: used.workspaceId,
      generation: sql<number>`coalesce(${used.generation}, (select ${workspaces.generation} from ${workspaces} where ${workspaces.id} = ${used.workspaceId}))`,
      agentKey: sql<string>`(select ${controlPlane.agentKey} from ${controlPlane})`,
    })
    .from(used)
  return identity
}

/**
 * @throws DomainError `unauthenticated`, with the texts Molecule's clients know (molecule.md §2.6), when there is no token
 *   or it is not this workspace's
 */
export async function authenticateAgent(
  db: Database,
  workspaceId: string,
  token: string | undefined,
  now: Date,
): Promise<AgentIdentity> {
  if (token === undefined) throw new DomainError('unauthenticated', 'missing workspace auth token')
  const identity = await identifyAgent(db, token, now)
  if (identity?.workspaceId !== workspaceId)
    throw new DomainError('unauthenticated', 'invalid workspace auth token')
  return identity
}
