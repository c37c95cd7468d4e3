// Seals everything that is sealed anew with the current key, a few at a time, so that the previous keys can be thrown away. Safe
// to end and to run again at any moment, also beside a running server: a row is only replaced as it was read.
import { and, asc, eq, gt, inArray, notInArray, type SQL, sql } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { secrets, webhookSecrets } from '../../drizzle/schema.ts'
import { placePrefix } from '../webhooks/signing-secrets.ts'
import { keyIdOf, seal, type SecretPlace, Unreadable, unseal } from './seal.ts'

/** Every table with sealed values, and the place that each row is bound to. */
const STORES: {
  table: typeof secrets | typeof webhookSecrets
  workspaceId: SQL<string | null>
  key: SQL<string>
}[] = [
  { table: secrets, workspaceId: sql`${secrets.workspaceId}`, key: sql`${secrets.key}` },
  {
    table: webhookSecrets,
    workspaceId: sql`null`,
    key: sql`${placePrefix} || ${webhookSecrets.endpointId}::text`,
  },
]

const BATCH = 100

export type Rotation = {
  sealed: number
  unreadable: { workspaceId: string | null; key: string; why: string }[]
}

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
  for (const { key: place, table, workspaceId: owner } of STORES) {
    for (let after: string | undefined = NIL; after !== undefined;) {
      const rows: ({ id: string; sealed: string; keyId: string } & SecretPlace)[] = await db
        .select({ id: table.id, keyId: table.keyId, sealed: table.sealed, workspaceId: owner, key: place })
        .from(table)
        .where(and(gt(table.id, after), notInArray(table.keyId, [currentId])))
        .orderBy(asc(table.id))
        .limit(BATCH)
      for (const row of rows) {
        const { id, key, sealed, workspaceId } = row
        try {
          const anew = await seal(current, row, await unseal(keys, row, row))
          await db
            .update(table)
            .set({ ...anew, updatedAt: now() })
            .where(and(eq(table.id, id), eq(table.sealed, sealed)))
          rotation.sealed++
        } catch (error) {
          if (!(error instanceof Unreadable)) throw error
          rotation.unreadable.push({ workspaceId, key, why: error.message })
        }
      }
      after = rows.at(-1)?.id
      if (after !== undefined) say(rotation.sealed)
    }
  }
  return rotation
}

/** Before every id. */
const NIL = '00000000-0000-0000-0000-000000000000'

/** Ids of keys that something stored was sealed with and that are not among ours. */
export async function strangeKeys(db: Database, keys: readonly Uint8Array[]): Promise<string[]> {
  const ids = await Promise.all(keys.map(keyIdOf))
  const found = await Promise.all(
    STORES.map(({ table }) =>
      db
        .selectDistinct({ keyId: table.keyId })
        .from(table)
        .where(ids.length === 0 ? undefined : notInArray(table.keyId, ids)),
    ),
  )
  return [...new Set(found.flat().map(({ keyId }) => keyId))]
}

/** Deletes what was sealed with keys that are lost. @returns how many */
export async function deleteSealedWith(db: Database, keyIds: string[]): Promise<number> {
  const deleted = await Promise.all(
    STORES.map(({ table }) =>
      db.delete(table).where(inArray(table.keyId, keyIds)).returning({ id: table.id }),
    ),
  )
  return deleted.flat().length
}
