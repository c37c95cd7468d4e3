// Authenticates agents by their workspace tokens. One statement checks a token, records its use, and revokes the
// tokens of older generations: after a restart both tokens are valid until the new one is first used
// (docs/facts/molecule.md §7.4).
import { and, eq, isNull, lt, type Placeholder, type SQL, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { controlPlane, workspaces, workspaceTokens } from '../../drizzle/schema/index.ts'
import { DomainError } from '../platform/errors.ts'
import { hashToken } from './token.ts'

export type AgentIdentity = {
  workspaceId: string
  /** The generation to which the token was delivered; for a token issued by the API, the newest one. */
  generation: number
  /** The key from which the agent's inbound secret is derived. */
  agentKey: string
}

/**
 * The two parts of a statement that use a token: `used` has the token's row if it is valid, and `older` revokes the
 * tokens of older generations. They come before the part that the token authorizes.
 * @param hash the place of the token's hash
 * @param now the place of the time
 */
export function tokenUse(db: Database, hash: Placeholder, now: SQL) {
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

const identifyStatement = prepared((db, valueOf: ValueOf<{ hash: string; now: Date }>) => {
  const { used, older } = tokenUse(db, valueOf('hash'), sql`${valueOf('now')}::timestamptz`)
  return db.with(used, older).select().from(used)
})

/** @returns the token's agent; undefined for an unknown or revoked token */
export async function identifyAgent(
  db: Database,
  token: string,
  now: Date,
): Promise<AgentIdentity | undefined> {
  const [found] = await identifyStatement(db, { hash: await hashToken(token), now })
  return found === undefined ? undefined : identityOf(found)
}

type Used = { workspaceId: string; generation: number | null; newest: number; agentKey: string }

export const identityOf = ({ agentKey, generation, newest, workspaceId }: Used): AgentIdentity => ({
  workspaceId,
  generation: generation ?? newest,
  agentKey,
})

/** Molecule's clients recognize these texts (docs/facts/molecule.md §2.6). */
export const noToken = () => new DomainError('unauthenticated', 'missing workspace auth token')
export const wrongToken = () => new DomainError('unauthenticated', 'invalid workspace auth token')

/** @throws DomainError `unauthenticated` without a token, or when it is not this workspace's */
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
