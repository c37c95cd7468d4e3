// Workspace tokens that were requested, beside the one of the workspace's machine (docs/facts/molecule.md §2.2). Those that an
// admin requested are valid until they are revoked. Those that an agent requested are revoked with the agent's own token,
// so that a restart also ends what a compromised agent has issued to itself.
import { and, desc, eq, isNull, sql } from 'drizzle-orm'
import { workspaces, workspaceTokens } from '../../drizzle/schema/index.ts'
import type { Caller } from '../auth/caller.ts'
import { mintToken } from '../auth/token.ts'
import { appendEvent } from '../events/append-event.ts'
import { getLivingWorkspace } from '../lifecycle/queries.ts'
import type { Core, Store } from '../platform/context.ts'
import { DomainError } from '../platform/errors.ts'

/** Most tokens of one workspace that are not revoked (docs/facts/molecule.md §2.2). */
export const MAX_TOKENS = 50

export type WorkspaceToken = typeof workspaceTokens.$inferSelect

/**
 * @param requester an agent's token belongs to the generation of the token that the agent used
 * @throws DomainError `not_found`; `rate_limited` when there are too many
 */
export async function createWorkspaceToken(
  services: Store,
  workspaceId: string,
  requester: Caller,
): Promise<string> {
  const { db } = services
  const now = services.now()
  await getLivingWorkspace(db, workspaceId)
  const { hash, prefix, token } = await mintToken()
  const generation = requester.kind === 'workspace' ? (requester.generation ?? 0) : null
  const created = db.$with('created', { hash: workspaceTokens.hash }).as(
    sql`insert into ${workspaceTokens} (hash, workspace_id, prefix, generation, created_at)
        select ${hash}, id, ${prefix}, ${generation}::int, ${now.toISOString()}::timestamptz from ${workspaces}
        where id = ${workspaceId}::uuid and status <> 'removed'
          and (select count(*) from ${workspaceTokens} where workspace_id = ${workspaceId}::uuid and revoked_at is null) < ${MAX_TOKENS}
        returning hash, id, workspace_id`,
  )
  const logged = appendTokenEvent(services, 'created', 'workspace_token_created', now)
  const rows = await db.with(created, logged).select({ hash: created.hash }).from(created)
  if (rows.length === 0) {
    throw new DomainError('rate_limited', `the workspace already has ${MAX_TOKENS} tokens: revoke one first`)
  }
  return token
}

/** Tokens that are not revoked, the newest first. @throws DomainError `not_found` */
export async function listWorkspaceTokens(
  { db }: Store,
  workspaceId: string,
  page: { limit: number; offset: number },
): Promise<WorkspaceToken[]> {
  await getLivingWorkspace(db, workspaceId)
  return db
    .select()
    .from(workspaceTokens)
    .where(and(eq(workspaceTokens.workspaceId, workspaceId), isNull(workspaceTokens.revokedAt)))
    .orderBy(desc(workspaceTokens.createdAt), workspaceTokens.id)
    .limit(page.limit)
    .offset(page.offset)
}

/** @throws DomainError `not_found` */
export async function revokeWorkspaceToken(
  services: Store & Pick<Core, 'invalidate'>,
  workspaceId: string,
  id: string,
): Promise<void> {
  const { invalidate, db } = services
  const now = services.now()
  const revoked = db.$with('revoked').as(
    db
      .update(workspaceTokens)
      .set({ revokedAt: now })
      .where(
        and(
          eq(workspaceTokens.workspaceId, workspaceId),
          eq(workspaceTokens.id, id),
          isNull(workspaceTokens.revokedAt),
        ),
      )
      .returning({ id: workspaceTokens.id, workspaceId: workspaceTokens.workspaceId }),
  )
  const logged = appendTokenEvent(services, 'revoked', 'workspace_token_revoked', now)
  const rows = await db.with(revoked, logged).select({ id: revoked.id }).from(revoked)
  if (rows.length === 0)
    throw new DomainError('not_found', 'the token does not exist, or it is already revoked')
  invalidate(workspaceId)
}

const appendTokenEvent = (
  { by, db }: Store,
  source: string,
  event: 'workspace_token_created' | 'workspace_token_revoked',
  now: Date,
) =>
  appendEvent(db, source, {
    event,
    now,
    workspaceId: sql`workspace_id`,
    payload: sql`jsonb_strip_nulls(jsonb_build_object('token_id', id, 'by', ${by ?? null}::text))`,
  })
