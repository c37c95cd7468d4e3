// An agent's proof: its workspace token. One statement checks it, notes its use and, when it is the newest, ends the older
// ones: a restart's new token and the old one overlap until the new one is first used (docs/facts/molecule.md §7.4).
import { and, eq, isNull, lt, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { controlPlane, workspaces, workspaceTokens } from '../../drizzle/schema/index.ts'
import { DomainError } from '../platform/errors.ts'
import { hashToken } from './token.ts'

export type AgentIdentity = {
  workspaceId: string
  /** The one that the token was delivered with; for a token that was asked for, the newest. */
  generation: number
  /** What our secret at this agent is derived from. */
  agentKey: string
}

/**
 * The two parts of a statement that use a token: `used` has its row if it is good, and `older` ends those before it. To be put
 * before what the token is used for.
 */
export async function tokenUse(db: Database, token: string, now: Date) {
  const hash = await hashToken(token)
  const used = db.$with('used').as(
    db
      .update(workspaceTokens)
      .set({ lastUsedAt: now })
      .where(and(eq(workspaceTokens.hash, hash), isNull(workspaceTokens.revokedAt)))
      .returning({
        workspaceId: workspaceTokens.workspaceId,
        generation: workspaceTokens.generation,
        newest: sql<number>`(select generation from ${workspaces} where id = workspace_id)`.as('newest'),
        agentKey: sql<string>`(select ${controlPlane.agentKey} from ${controlPlane})`.as('agent_key'),
      }),
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
  return { used, older }
}

/** @returns whose token it is, or undefined for one that is unknown or revoked */
export async function identifyAgent(
  db: Database,
  token: string,
  now: Date,
): Promise<AgentIdentity | undefined> {
  const { used, older } = await tokenUse(db, token, now)
  const [found] = await db.with(used, older).select().from(used)
  return found === undefined ? undefined : identityOf(found)
}

type Used = { workspaceId: string; generation: number | null; newest: number; agentKey: string }

export const identityOf = ({ agentKey, generation, newest, workspaceId }: Used): AgentIdentity => ({
  workspaceId,
  generation: generation ?? newest,
  agentKey,
})

/** With the texts that Molecule's clients know (docs/facts/molecule.md §2.6). */
export const noToken = () => new DomainError('unauthenticated', 'missing workspace auth token')
export const wrongToken = () => new DomainError('unauthenticated', 'invalid workspace auth token')

/** @throws DomainError `unauthenticated` when there is no token or it is not this workspace's */
export async function authenticateAgent(
  db: Database,
  workspaceId: string,
  token: string | undefined,
  now: Date,
): Promise<AgentIdentity> {
  if (token === undefined) throw noToken()
  const identity = await identifyAgent(db, token, now)
  if (identity?.workspaceId !== workspaceId) throw wrongToken()
  return identity
}
