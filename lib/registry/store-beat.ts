// Stores heartbeats. They are frequent, so one statement checks the token and stores the heartbeat, alone or with others.
import { and, eq, sql } from 'drizzle-orm'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { workspaces } from '../../drizzle/schema/index.ts'
import { identityOf, tokenUse } from '../auth/authenticate-agent.ts'
import type { Core } from '../platform/context.ts'
import type { InTurn } from '../platform/turns.ts'
import { type Beat, BEAT_ROW, BEAT_TYPES, beatColumns, type StoreBeat, takesBeats } from './beat.ts'
import type { createStoreBeatsTogether } from './beats-together.ts'

const beatStatement = prepared((db, valueOf: ValueOf<Beat & { now: Date }>) => {
  const now = sql`${valueOf('now')}::timestamptz`
  const { used, older } = tokenUse(db, valueOf('hash'), now)
  const stored = db.$with('beat').as(
    db
      .update(workspaces)
      .set(beatColumns((name) => sql`${valueOf(name)}::${sql.raw(BEAT_TYPES[name])}`, now))
      .where(
        and(
          eq(workspaces.id, valueOf('id')),
          sql`${workspaces.id} = (select workspace_id from used)`,
          takesBeats(sql`(select generation from used)`, now),
        ),
      )
      .returning(BEAT_ROW),
  )
  return db
    .with(used, older, stored)
    .select()
    .from(used)
    .leftJoin(stored, sql`true`)
})

/** @param storeTogether where requests may wait for each other; on Workers they may not */
export function createStoreBeat(
  store: Pick<Core, 'db' | 'now' | 'sleep'> & { inTurn: InTurn },
  storeTogether?: typeof createStoreBeatsTogether,
): StoreBeat {
  const { db, now } = store
  const storeAlone: StoreBeat = async (beat) => {
    const [found] = await beatStatement(db, { ...beat, now: now() })
    if (found?.used.workspaceId !== beat.id) return undefined
    return { identity: identityOf(found.used), row: found.beat ?? undefined }
  }
  return storeTogether?.(store, storeAlone) ?? storeAlone
}
