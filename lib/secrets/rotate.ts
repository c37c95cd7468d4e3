// Seals everything sealed anew with the current key, a few at a time, so that the previous keys can be thrown away. Safe to end
// and to run again at any moment, also beside a running server: a row is only replaced as it was read.
import { and, asc, eq, gt, inArray, notInArray } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { hooks, hookSecrets, secrets, webhookSecrets } from '../../drizzle/schema/index.ts'
import {
  keyIdOf,
  placeOfEndpoint,
  placeOfHook,
  seal,
  type Sealed,
  type SecretPlace,
  Unreadable,
  unseal,
} from './seal.ts'

const BATCH = 100

export type Rotation = {
  sealed: number
  unreadable: { workspaceId: string | null; key: string; why: string }[]
}

type SealedRow = SecretPlace & Sealed & { id: string }

/** Every table with something sealed in it. */
type Kept = {
  /** A batch, by id, of those that another key sealed. */
  read: (db: Database, after: string, current: string) => Promise<SealedRow[]>
  replace: (db: Database, row: SealedRow, anew: Sealed, now: Date) => Promise<unknown>
}

const KEPT: Kept[] = [
  {
    read: (db, after, current) =>
      db
        .select()
        .from(secrets)
        .where(and(gt(secrets.id, after), notInArray(secrets.keyId, [current])))
        .orderBy(asc(secrets.id))
        .limit(BATCH),
    replace: (db, { id, sealed }, anew, now) =>
      db
        .update(secrets)
        .set({ ...anew, updatedAt: now })
        .where(and(eq(secrets.id, id), eq(secrets.sealed, sealed))),
  },
  {
    async read(db, after, current) {
      const rows = await db
        .select({ secret: hookSecrets, hook: { name: hooks.name, workspaceId: hooks.workspaceId } })
        .from(hookSecrets)
        .innerJoin(hooks, eq(hooks.id, hookSecrets.hookId))
        .where(and(gt(hookSecrets.id, after), notInArray(hookSecrets.keyId, [current])))
        .orderBy(asc(hookSecrets.id))
        .limit(BATCH)
      return rows.map(({ hook, secret }) => ({ ...secret, ...placeOfHook(hook) }))
    },
    replace: (db, { id, sealed }, anew) =>
      db
        .update(hookSecrets)
        .set(anew)
        .where(and(eq(hookSecrets.id, id), eq(hookSecrets.sealed, sealed))),
  },
  {
    async read(db, after, current) {
      const rows = await db
        .select()
        .from(webhookSecrets)
        .where(and(gt(webhookSecrets.id, after), notInArray(webhookSecrets.keyId, [current])))
        .orderBy(asc(webhookSecrets.id))
        .limit(BATCH)
      return rows.map((row) => ({ ...row, ...placeOfEndpoint(row.endpointId) }))
    },
    replace: (db, { id, sealed }, anew, now) =>
      db
        .update(webhookSecrets)
        .set({ ...anew, updatedAt: now })
        .where(and(eq(webhookSecrets.id, id), eq(webhookSecrets.sealed, sealed))),
  },
]

/**
 * @param keys the current one first
 * @param say hears of each batch
 */
export async function rotateSecrets(
  db: Database,
  keys: readonly [Uint8Array, ...Uint8Array[]],
  now: () => Date,
  say: (sealed: number) => void = () => {},
): Promise<Rotation> {
  const [current] = keys
  const currentId = await keyIdOf(current)
  const rotation: Rotation = { sealed: 0, unreadable: [] }
  for (const { read, replace } of KEPT) {
    for (let after = '00000000-0000-0000-0000-000000000000'; ;) {
      const rows = await read(db, after, currentId)
      for (const row of rows) {
        try {
          await replace(db, row, await seal(current, row, await unseal(keys, row, row)), now())
          rotation.sealed++
        } catch (error) {
          if (!(error instanceof Unreadable)) throw error
          rotation.unreadable.push({ workspaceId: row.workspaceId, key: row.key, why: error.message })
        }
      }
      const last = rows.at(-1)
      if (last === undefined) break
      after = last.id
      say(rotation.sealed)
    }
  }
  return rotation
}

const TABLES = [secrets, hookSecrets, webhookSecrets]

/** Ids of keys that something stored was sealed with and that are not among ours. */
export async function strangeKeys(db: Database, keys: readonly Uint8Array[]): Promise<string[]> {
  const ids = await Promise.all(keys.map(keyIdOf))
  const found = new Set<string>()
  for (const table of TABLES) {
    const rows = await db
      .selectDistinct({ keyId: table.keyId })
      .from(table)
      .where(ids.length === 0 ? undefined : notInArray(table.keyId, ids))
    for (const { keyId } of rows) found.add(keyId)
  }
  return [...found]
}

/** Deletes what was sealed with keys that are lost. A hook without a secret takes nothing until it gets one. @returns how many */
export async function deleteSealedWith(db: Database, keyIds: string[]): Promise<number> {
  let deleted = 0
  for (const table of TABLES) {
    deleted += (await db.delete(table).where(inArray(table.keyId, keyIds)).returning({ id: table.id })).length
  }
  return deleted
}
