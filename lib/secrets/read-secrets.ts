// Reads stored secrets: their names for people, their values for the machine. All values or none: an agent without
// one of its keys would fail later, without a visible cause.
import type { Context } from '../config/context.ts'
import { and, asc, eq, isNull, or, type Placeholder } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { secrets } from '../../drizzle/schema/index.ts'
import { REASONS } from '../platform/reasons.ts'
import { Unreadable, unseal } from './seal.ts'

export type Secret = typeof secrets.$inferSelect

/** The values cannot be decrypted. `failed` names the secrets; the message gives the cause. */
export class SecretsUnreadable extends Error {
  override name = 'SecretsUnreadable'
  readonly failed: string[]

  constructor(failed: string[], why: string) {
    super(
      `${failed.length === 1 ? 'the secret' : 'the secrets'} ${failed.join(', ')} cannot be decrypted: ${why}`,
    )
    this.failed = failed
  }
}

/** What to do about secrets that cannot be decrypted. */
export const UNREADABLE_HINT = REASONS.secrets_unreadable.hint

/** The secrets of a workspace and all global ones, by key, in alphabetical order. @param workspaceId null: only the global ones */
export const secretsStatement = (db: Database, workspaceId: string | Placeholder | null) =>
  db
    .select()
    .from(secrets)
    .where(
      workspaceId === null
        ? isNull(secrets.workspaceId)
        : or(eq(secrets.workspaceId, workspaceId), isNull(secrets.workspaceId)),
    )
    .orderBy(asc(secrets.key))

/** The secrets of a workspace: its own, and the global ones that it does not override. @param workspaceId null: only the global ones */
export const listSecrets = async (db: Database, workspaceId: string | null): Promise<Secret[]> =>
  withoutOverridden(await secretsStatement(db, workspaceId))

function withoutOverridden(rows: Secret[]): Secret[] {
  const own = new Set(rows.filter((row) => row.workspaceId !== null).map((row) => row.key))
  return rows.filter((row) => row.workspaceId !== null || !own.has(row.key))
}

/** @throws SecretsUnreadable */
export const readSecrets = async (services: Context, workspaceId: string): Promise<Record<string, string>> =>
  unsealAll(services, await secretsStatement(services.db, workspaceId))

/** The values of what {@link secretsStatement} has read, by key. @throws SecretsUnreadable */
export async function unsealAll(
  { config }: Pick<Context, 'config'>,
  rows: Secret[],
): Promise<Record<string, string>> {
  const values: Record<string, string> = {}
  const failed: string[] = []
  let why = ''
  for (const row of withoutOverridden(rows)) {
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

/** The secret of exactly this scope and key. */
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
