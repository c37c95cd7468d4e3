// Tokens of a workspace that somebody asked for, beside the one its machine was launched with: they last until they are
// revoked, and neither end older tokens nor are ended by newer ones (molecule.md §2.2).
import type { Core, Store } from '../platform/context.ts'
import { and, desc, eq, isNull, sql } from 'drizzle-orm'
import { workspaces, workspaceTokens } from '../../drizzle/schema/index.ts'
import { mintToken } from '../auth/token.ts'
import { DomainError } from '../platform/errors.ts'
import { appendEvent } from '../events/append-event.ts'
import { getLivingWorkspace } from '../lifecycle/queries.ts'

/** Living tokens of one workspace, at most (molecule.md §2.2). */
export const MOST_TOKENS = 50

export type WorkspaceToken = typeof workspaceTokens.$inferSelect

/** @throws DomainError `not_found`; `rate_limited` when there are too many */
export async function createWorkspaceToken(services: Store, workspaceId: string): Promise<string> {
  const { db } = services
  const now = services.now()
  await getLivingWorkspace(db, workspaceId)
  const { hash, prefix, token } = await mintToken()
  const made = db.$with('made', { hash: workspaceTokens.hash }).as(
    sql`insert into ${workspaceTokens} (hash, workspace_id, prefix, created_at)
        select ${hash}, id, ${prefix}, ${now.toISOString()}::timestamptz from ${workspaces}
        where id = ${workspaceId}::uuid and status <> 'removed'
          and (select count(*) from ${workspaceTokens} where workspace_id = ${workspaceId}::uuid and revoked_at is null) < ${MOST_TOKENS}
        returning hash, id, workspace_id`,
  )
  const logged = appendToken(services, 'made', 'workspace_token_created', now)
  const rows = await db.with(made, logged).select({ hash: made.hash }).from(made)
  if (rows.length === 0) {
    throw new DomainError('rate_limited', `there are ${MOST_TOKENS} tokens already: revoke one first`)
  }
  return token
}

/** Living ones, the newest first. @throws DomainError `not_found` */
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
export async function revokeWorkspaceToken(services: Core, workspaceId: string, id: string): Promise<void> {
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
  const logged = appendToken(services, 'revoked', 'workspace_token_revoked', now)
  const rows = await db.with(revoked, logged).select({ id: revoked.id }).from(revoked)
  if (rows.length === 0)
    throw new DomainError('not_found', 'there is no such token, or it is revoked already')
  invalidate(workspaceId)
}

const appendToken = (
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
