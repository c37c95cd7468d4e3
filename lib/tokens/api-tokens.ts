// Tokens of people and programs: made once and shown once, limited in what they may do, where, and for how long.
import type { Store } from '../platform/context.ts'
import type { TtlCache } from '../platform/ttl-cache.ts'
import { and, asc, eq, isNull, sql } from 'drizzle-orm'
import { z } from 'zod'
import { apiTokens, workspaces } from '../../drizzle/schema/index.ts'
import { SCOPES, type Scope } from '../auth/scopes.ts'
import { hashToken, mintToken } from '../auth/token.ts'
import type { Caller } from '../auth/caller.ts'
import { DomainError, invalidField } from '../platform/errors.ts'
import { appendEvent } from '../events/append-event.ts'
import type { EventPayload } from '../events/event-types.ts'
import { boundedText } from '../platform/postgres-text.ts'

export type ApiToken = typeof apiTokens.$inferSelect

/** Before 43 characters of base64url: what finds lost keys can tell ours. */
const PREFIX = 'mol_'

/** Whether a token says of itself that it is one of these. */
export const isApiToken = (token: string) => token.startsWith(PREFIX)

/** The body of POST /tokens. */
export const CreateTokenInput = z.strictObject({
  name: boundedText().trim().min(1, 'must not be empty').max(100),
  scopes: z
    .array(z.enum(SCOPES))
    .min(1, `must name at least one of ${SCOPES.join(', ')}`)
    .max(SCOPES.length),
  workspaces: z
    .array(z.uuid('must be a UUID'))
    .min(1, 'must name at least one: leave it out for all')
    .max(1_000)
    .nullish(),
  expires_in_days: z.int().min(1).max(3_650).nullish(),
})

/**
 * @returns the row, and the token that is shown this once
 * @throws DomainError `invalid_input` for workspaces that do not exist
 */
export async function createApiToken(
  { db, now }: Store,
  input: z.infer<typeof CreateTokenInput>,
  createdBy: string,
): Promise<{ row: ApiToken; token: string }> {
  const at = now()
  const limitedTo =
    input.workspaces == null ? null : [...new Set(input.workspaces.map((id) => id.toLowerCase()))]
  if (limitedTo !== null) {
    const [known] = await db
      .select({ count: sql<number>`count(*)::int` })
      .from(workspaces)
      .where(
        sql`${workspaces.id} = any(array[${sql.join(limitedTo, sql`, `)}]::uuid[]) and ${workspaces.status} <> 'removed'`,
      )
    if (known?.count !== limitedTo.length) throw invalidField('workspaces', 'one of them does not exist')
  }
  const token = `${PREFIX}${(await mintToken()).token}`
  const row: ApiToken = {
    id: crypto.randomUUID(),
    hash: await hashToken(token),
    prefix: token.slice(0, 12),
    name: input.name,
    scopes: [...new Set(input.scopes)],
    workspaces: limitedTo,
    createdBy,
    createdAt: at,
    expiresAt:
      input.expires_in_days == null ? null : new Date(at.getTime() + input.expires_in_days * 86_400_000),
    lastUsedAt: null,
    revokedAt: null,
  }
  const made = db.$with('made').as(db.insert(apiTokens).values(row).returning({ id: apiTokens.id }))
  const payload: EventPayload<'api_token_created'> = {
    token_id: row.id,
    name: row.name,
    scopes: row.scopes,
    workspaces: row.workspaces,
    expires_at: row.expiresAt?.toISOString() ?? null,
    by: createdBy,
  }
  const logged = appendEvent(db, 'made', {
    event: 'api_token_created',
    now: at,
    workspaceId: sql`null::uuid`,
    payload: sql`${JSON.stringify(payload)}::jsonb`,
  })
  await db.with(made, logged).select().from(made)
  return { row, token }
}

/** Those that are not revoked, the oldest first. */
export function listApiTokens({ db }: Store): Promise<ApiToken[]> {
  return db.select().from(apiTokens).where(isNull(apiTokens.revokedAt)).orderBy(asc(apiTokens.createdAt))
}

/** @throws DomainError `not_found`, also for one that is revoked already */
export async function revokeApiToken(
  services: Store & { callers: TtlCache<Caller> },
  id: string,
): Promise<void> {
  const { by, callers, db } = services
  const now = services.now()
  const revoked = db.$with('revoked').as(
    db
      .update(apiTokens)
      .set({ revokedAt: now })
      .where(and(eq(apiTokens.id, id), isNull(apiTokens.revokedAt)))
      .returning({ id: apiTokens.id, name: apiTokens.name }),
  )
  const logged = appendEvent(db, 'revoked', {
    event: 'api_token_revoked',
    now,
    workspaceId: sql`null::uuid`,
    payload: sql`jsonb_strip_nulls(jsonb_build_object('token_id', id, 'name', name, 'by', ${by ?? null}::text))`,
  })
  const rows = await db.with(revoked, logged).select({ id: revoked.id }).from(revoked)
  if (rows.length === 0)
    throw new DomainError('not_found', 'there is no such token, or it is revoked already')
  // Other replicas remember it for a few seconds more.
  callers.clear()
}

/**
 * Whose token it is. Its use is noted once a minute, in the same statement.
 * @returns undefined for one that is unknown
 * @throws DomainError `unauthenticated` for one that is expired or revoked: whoever has it may know
 */
export async function identifyApiToken({ db, now }: Store, token: string): Promise<Caller | undefined> {
  const at = now()
  const hash = await hashToken(token)
  const found = db.$with('found').as(db.select().from(apiTokens).where(eq(apiTokens.hash, hash)))
  const used = db.$with('used').as(
    db
      .update(apiTokens)
      .set({ lastUsedAt: at })
      .where(
        and(
          eq(apiTokens.hash, hash),
          isNull(apiTokens.revokedAt),
          sql`coalesce(${apiTokens.lastUsedAt} < ${new Date(at.getTime() - 60_000).toISOString()}::timestamptz, true)`,
        ),
      )
      .returning({ id: apiTokens.id }),
  )
  const [row] = await db.with(found, used).select().from(found)
  if (row === undefined) return undefined
  if (row.revokedAt !== null) throw new DomainError('unauthenticated', 'this token has been revoked')
  if (row.expiresAt !== null && row.expiresAt <= at) {
    throw new DomainError('unauthenticated', `this token expired at ${row.expiresAt.toISOString()}`)
  }
  return { kind: 'token', id: row.id, name: row.name, scope: highest(row.scopes), workspaces: row.workspaces }
}

const highest = (scopes: readonly string[]): Scope =>
  SCOPES.toReversed().find((scope) => scopes.includes(scope)) ?? 'read'
