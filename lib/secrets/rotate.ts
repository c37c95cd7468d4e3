// Seals every secret anew with the current key, a few at a time, so that the previous keys can be thrown away. Safe to end
// and to run again at any moment, also beside a running server: a row is only replaced as it was read.
import { and, asc, eq, gt, inArray, notInArray } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { secrets } from '../../drizzle/schema.ts'
import { keyIdOf, seal, Unreadable, unseal } from './seal.ts'

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
  for (let after = '00000000-0000-0000-0000-000000000000'; ;) {
    const rows = await db
      .select()
      .from(secrets)
      .where(and(gt(secrets.id, after), notInArray(secrets.keyId, [currentId])))
      .orderBy(asc(secrets.id))
      .limit(BATCH)
    for (const row of rows) {
      const { id, key, sealed, workspaceId } = row
      try {
        const anew = await seal(current, row, await unseal(keys, row, row))
        await db
          .update(secrets)
          .set({ ...anew, updatedAt: now() })
          .where(and(eq(secrets.id, id), eq(secrets.sealed, sealed)))
        rotation.sealed++
      } catch (error) {
        if (!(error instanceof Unreadable)) throw error
        rotation.unreadable.push({ workspaceId, key, why: error.message })
      }
    }
    const last = rows.at(-1)
    if (last === undefined) return rotation
    after = last.id
    say(rotation.sealed)
  }
}

/** Ids of keys that stored secrets were sealed with and that are not among ours. */
export async function strangeKeys(db: Database, keys: readonly Uint8Array[]): Promise<string[]> {
  const ids = await Promise.all(keys.map(keyIdOf))
  const rows = await db
    .selectDistinct({ keyId: secrets.keyId })
    .from(secrets)
    .where(ids.length === 0 ? undefined : notInArray(secrets.keyId, ids))
  return rows.map(({ keyId }) => keyId)
}

/** Deletes what was sealed with keys that are lost. @returns how many */
export async function deleteSealedWith(db: Database, keyIds: string[]): Promise<number> {
  const rows = await db.delete(secrets).where(inArray(secrets.keyId, keyIds)).returning({ id: secrets.id })
  return rows.length
}
