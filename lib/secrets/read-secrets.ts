// Reads stored secrets: their names for people, their values for the machine that gets them. All of the values or none: an
// agent that runs without one of its keys fails later, and nobody knows why.
import type { Context } from '../config/context.ts'
import { and, asc, eq, isNull, or } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { secrets } from '../../drizzle/schema/index.ts'
import { REASONS } from '../platform/reasons.ts'
import { Unreadable, unseal } from './seal.ts'

export type Secret = typeof secrets.$inferSelect

/** The values cannot be had. `failed` names the secrets; the message says why, and what to do. */
export class SecretsUnreadable extends Error {
  override name = 'SecretsUnreadable'
  readonly failed: string[]

  constructor(failed: string[], why: string) {
    super(`${failed.length === 1 ? 'the secret' : 'the secrets'} ${failed.join(', ')} cannot be read: ${why}`)
    this.failed = failed
  }
}

/** What to do about secrets that cannot be decrypted. */
export const UNREADABLE_HINT = REASONS.secrets_unreadable.hint

/**
 * What a workspace gets, by key, in the order of the alphabet: its own, and those for all that it has no own for.
 * @param workspaceId null: those for all alone
 */
export async function listSecrets(db: Database, workspaceId: string | null): Promise<Secret[]> {
  const rows = await db
    .select()
    .from(secrets)
    .where(
      workspaceId === null
        ? isNull(secrets.workspaceId)
        : or(eq(secrets.workspaceId, workspaceId), isNull(secrets.workspaceId)),
    )
    .orderBy(asc(secrets.key))
  const own = new Set(rows.filter((row) => row.workspaceId !== null).map((row) => row.key))
  return rows.filter((row) => row.workspaceId !== null || !own.has(row.key))
}

/** @throws SecretsUnreadable */
export async function readSecrets(
  { config, db }: Context,
  workspaceId: string,
): Promise<Record<string, string>> {
  const values: Record<string, string> = {}
  const failed: string[] = []
  let why = ''
  for (const row of await listSecrets(db, workspaceId)) {
    try {
      values[row.key] = await unseal(config.secretKeys, row, row)
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      failed.push(row.key)
      why = error.message
    }
  }
  if (failed.length > 0) throw new SecretsUnreadable(failed, why)
  return values
}

/** One secret of exactly this place. */
export async function findSecret(
  db: Database,
  place: { workspaceId: string | null; key: string },
): Promise<Secret | undefined> {
  const { key, workspaceId } = place
  const here = workspaceId === null ? isNull(secrets.workspaceId) : eq(secrets.workspaceId, workspaceId)
  const [row] = await db
    .select()
    .from(secrets)
    .where(and(here, eq(secrets.key, key)))
  return row
}
