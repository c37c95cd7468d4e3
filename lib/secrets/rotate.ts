// Encrypts everything again with the current key, in batches, so that previous keys can be discarded. Safe to
// interrupt and to repeat at any time, also beside a running server: a row is only replaced if it is as it was read.
import { and, asc, eq, gt, inArray, notInArray } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { hooks, hookSecrets, secrets, webhookSecrets } from '../../drizzle/schema/index.ts'
import {
  keyIdOf,
  locationOfEndpoint,
  locationOfHook,
  seal,
  type Sealed,
  type SecretLocation,
  Unreadable,
  unseal,
} from './seal.ts'

const BATCH = 100

export type Rotation = {
  sealed: number
  unreadable: { workspaceId: string | null; key: string; why: string }[]
}

type SealedRow = SecretLocation & Sealed & { id: string }

/** Every table with encrypted values. */
type SealedTable = {
  /** A batch, by id, of rows that another key encrypted. */
  read: (db: Database, after: string, current: string) => Promise<SealedRow[]>
  replace: (db: Database, row: SealedRow, anew: Sealed, now: Date) => Promise<unknown>
}

const SEALED_TABLES: SealedTable[] = [
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
      return rows.map(({ hook, secret }) => ({ ...secret, ...locationOfHook(hook) }))
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
      return rows.map((row) => ({ ...row, ...locationOfEndpoint(row.endpointId) }))
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
 * @param say receives the progress after each batch
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
  for (const { read, replace } of SEALED_TABLES) {
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

/** Ids of keys that encrypted stored values and are not configured. */
export async function unknownKeyIds(db: Database, keys: readonly Uint8Array[]): Promise<string[]> {
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

/** Deletes values of lost keys. A hook without a secret accepts nothing until it gets one. @returns how many */
export async function deleteSealedWith(db: Database, keyIds: string[]): Promise<number> {
  let deleted = 0
  for (const table of TABLES) {
    deleted += (await db.delete(table).where(inArray(table.keyId, keyIds)).returning({ id: table.id })).length
  }
  return deleted
}
