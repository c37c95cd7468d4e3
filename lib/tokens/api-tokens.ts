// API tokens of people and programs: shown once, and limited by scope, workspaces and time.
import { and, asc, eq, isNull, sql } from 'drizzle-orm'
import { z } from 'zod'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { apiTokens, workspaces } from '../../drizzle/schema/index.ts'
import type { Caller } from '../auth/caller.ts'
import { SCOPES, type Scope } from '../auth/scopes.ts'
import { hashToken, mintToken } from '../auth/token.ts'
import { appendEvent } from '../events/append-event.ts'
import type { EventPayload } from '../events/event-types.ts'
import type { Store } from '../platform/context.ts'
import { DomainError, invalidField } from '../platform/errors.ts'
import { boundedText } from '../platform/postgres-text.ts'
import type { TtlCache } from '../platform/ttl-cache.ts'
import { workspaceIdInput } from '../platform/uuid.ts'
import { whenUsed } from '../platform/when-used.ts'

export type ApiToken = typeof apiTokens.$inferSelect

/** Precedes 43 characters of base64url, so that secret scanners recognise these tokens. */
const PREFIX = 'mol_'

/** Whether a token has the form of an API token. */
export const isApiToken = (token: string) => token.startsWith(PREFIX)

/** The body of POST /tokens. */
export const CreateTokenInput = whenUsed(() =>
  z.strictObject({
    name: boundedText().trim().min(1, 'must not be empty').max(100),
    scopes: z
      .array(z.enum(SCOPES))
      .min(1, `must name at least one of ${SCOPES.join(', ')}`)
      .max(SCOPES.length),
    workspaces: z
      .array(workspaceIdInput())
      .min(1, 'must contain at least one id; omit it for all workspaces')
      .max(1_000)
      .nullish(),
    expires_in_days: z.int().min(1).max(3_650).nullish(),
  }),
)

/**
 * @returns the row, and the token, which is shown only once
 * @throws DomainError `invalid_input` for workspaces that do not exist
 */
export async function createApiToken(
  { db, now }: Store,
  input: z.infer<typeof CreateTokenInput>,
  createdBy: string,
): Promise<{ row: ApiToken; token: string }> {
  const at = now()
  const limitedTo = input.workspaces == null ? null : [...new Set(input.workspaces)]
  if (limitedTo !== null) {
    const [existing] = await db
      .select({ count: sql<number>`count(*)::int` })
      .from(workspaces)
      .where(
        sql`${workspaces.id} = any(array[${sql.join(limitedTo, sql`, `)}]::uuid[]) and ${workspaces.status} <> 'removed'`,
      )
    if (existing?.count !== limitedTo.length)
      throw invalidField('workspaces', 'one of the workspaces does not exist')
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
  const created = db.$with('created').as(db.insert(apiTokens).values(row).returning({ id: apiTokens.id }))
  const payload: EventPayload<'api_token_created'> = {
    token_id: row.id,
    name: row.name,
    scopes: row.scopes,
    workspaces: row.workspaces,
    expires_at: row.expiresAt?.toISOString() ?? null,
    by: createdBy,
  }
  const logged = appendEvent(db, 'created', {
    event: 'api_token_created',
    now: at,
    workspaceId: sql`null::uuid`,
    payload: sql`${JSON.stringify(payload)}::jsonb`,
  })
  await db.with(created, logged).select().from(created)
  return { row, token }
}

/** Tokens that are not revoked, the oldest first. */
export function listApiTokens({ db }: Store): Promise<ApiToken[]> {
  return db.select().from(apiTokens).where(isNull(apiTokens.revokedAt)).orderBy(asc(apiTokens.createdAt))
}

/** @throws DomainError `not_found`, also for a token that is already revoked */
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
    throw new DomainError('not_found', 'the token does not exist, or it is already revoked')
  // Other replicas accept the token for a few seconds more.
  callers.clear()
}

type UseValues = { hash: string; now: Date; minuteAgo: Date }

const useStatement = prepared((db, valueOf: ValueOf<UseValues>) => {
  const isIt = eq(apiTokens.hash, valueOf('hash'))
  const found = db.$with('found').as(db.select().from(apiTokens).where(isIt))
  const used = db.$with('used').as(
    db
      .update(apiTokens)
      .set({ lastUsedAt: sql`${valueOf('now')}::timestamptz` })
      .where(
        and(
          isIt,
          isNull(apiTokens.revokedAt),
          sql`coalesce(${apiTokens.lastUsedAt} < ${valueOf('minuteAgo')}::timestamptz, true)`,
        ),
      )
      .returning({ id: apiTokens.id }),
  )
  return db.with(found, used).select().from(found)
})

/**
 * Identifies the caller by its token. The same statement records the use, at most once a minute.
 * @returns undefined for an unknown token
 * @throws DomainError `unauthenticated` for a token that is expired or revoked, with the reason
 */
export async function identifyApiToken({ db, now }: Store, token: string): Promise<Caller | undefined> {
  const at = now()
  const minuteAgo = new Date(at.getTime() - 60_000)
  const [row] = await useStatement(db, { hash: await hashToken(token), now: at, minuteAgo })
  if (row === undefined) return undefined
  if (row.revokedAt !== null) throw new DomainError('unauthenticated', 'this token has been revoked')
  if (row.expiresAt !== null && row.expiresAt <= at) {
    throw new DomainError('unauthenticated', `this token expired at ${row.expiresAt.toISOString()}`)
  }
  return {
    kind: 'token',
    id: row.id,
    name: row.name,
    scope: highestScope(row.scopes),
    workspaces: row.workspaces,
  }
}

const highestScope = (scopes: readonly string[]): Scope =>
  SCOPES.toReversed().find((scope) => scopes.includes(scope)) ?? 'read'
