// Heartbeats of many agents come at the same time. So while a statement with heartbeats is under way, those that come share the next
// one. It stores what changes nothing but the token's use and the workspace, and waits for no row that others have locked. The rest is
// stored alone, as is each heartbeat of a statement that failed, so the shared statement decides nothing about who may do what.
import { sql } from 'drizzle-orm'
import { prepared, type ValueOf } from '../../drizzle/prepared.ts'
import { controlPlane, workspaces, workspaceTokens } from '../../drizzle/schema/index.ts'
import { identityOf } from '../auth/authenticate-agent.ts'
import { createBatches } from '../platform/batches.ts'
import type { Core } from '../platform/context.ts'
import { isRefusedStatement } from '../platform/database-errors.ts'
import type { InTurn } from '../platform/turns.ts'
import {
  type Beat,
  BEAT_ROW,
  BEAT_TYPES,
  beatColumns,
  type StoreBeat,
  type StoredBeat,
  takesBeats,
} from './beat.ts'

/** Heartbeats in one statement. Postgres expects as many rows, and finds each by its index. */
const MAX_TOGETHER = 20

/** How long others wait for one that is stored alone, in milliseconds: its row may be locked. */
const MAX_WAIT_MS = 50

/** @param storeAlone stores one heartbeat in a statement of its own, which needs less than a shared one */
export function createStoreBeatsTogether(
  { db, inTurn, now, sleep }: Pick<Core, 'db' | 'now' | 'sleep'> & { inTurn: InTurn },
  storeAlone: StoreBeat,
): StoreBeat {
  async function storeShared(beats: Beat[]): Promise<(beat: Beat) => StoredBeat | 'not_shared'> {
    // A statement changes a row once.
    const first = new Map(beats.toReversed().map((beat) => [beat.id, beat]))
    try {
      const rows = await beatsStatement(db, { beats: JSON.stringify([...first.values()]), now: now() })
      const stored = new Map(rows.map((row) => [first.get(row.id), storedOf(row)]))
      return (beat) => stored.get(beat) ?? 'not_shared'
    } catch (error) {
      if (isRefusedStatement(error)) return () => 'not_shared'
      throw error
    }
  }

  const share = createBatches<Beat, Promise<StoredBeat | undefined> | StoredBeat | 'not_shared'>({
    maxItems: MAX_TOGETHER,
    async run(beats) {
      const [first, ...others] = beats
      if (first === undefined || others.length > 0) return storeShared(beats)
      const stored = storeAlone(first)
      const ended = stored.then(nothing, nothing)
      await Promise.race([ended, sleep(MAX_WAIT_MS)])
      return () => stored
    },
  })

  // By tokens, and not by workspaces, because anyone can name a workspace.
  return (beat) =>
    inTurn(beat.hash, async () => {
      const stored = await share('', beat)
      return stored === 'not_shared' ? storeAlone(beat) : stored
    })
}

const nothing = () => {}

const beatsStatement = prepared((db, valueOf: ValueOf<{ beats: string; now: Date }>) => {
  const now = sql`${valueOf('now')}::timestamptz`
  const column = (name: keyof Beat) => sql`found.${sql.identifier(name)}`
  const columns = Object.entries(BEAT_TYPES).map(
    ([name, type]) => sql`${sql.identifier(name)} ${sql.raw(type)}`,
  )
  const found = db.$with('found', {}).as(
    sql`select beat.*, ${workspaceTokens.generation} as token_generation
      from (select * from json_to_recordset(${valueOf('beats')}::json) as beat(${sql.join(columns, sql`, `)}) limit ${sql.raw(String(MAX_TOGETHER))}) as beat
      join ${workspaceTokens} on ${workspaceTokens.hash} = beat.hash and ${workspaceTokens.workspaceId} = beat.id
      join ${workspaces} on ${workspaces.id} = beat.id
      where ${workspaceTokens.revokedAt} is null and ${takesBeats(sql`${workspaceTokens.generation}`, now)}
        and not exists (select from ${workspaceTokens} as older where older.workspace_id = beat.id
          and older.generation < ${workspaceTokens.generation} and older.revoked_at is null)
      for no key update of ${workspaceTokens}, ${workspaces} skip locked`,
  )
  const used = db
    .$with('used', {})
    .as(
      sql`update ${workspaceTokens} set last_used_at = ${now} from found where ${workspaceTokens.hash} = found.hash`,
    )
  const stored = db.$with('beat').as(
    db
      .update(workspaces)
      .set(beatColumns(column, now))
      .from(sql`found`)
      .where(sql`${workspaces.id} = found.id`)
      .returning({
        ...BEAT_ROW,
        tokenGeneration: sql<number | null>`found.token_generation`.as('token_generation'),
        agentKey: sql<string>`(select ${controlPlane.agentKey} from ${controlPlane})`.as('agent_key'),
      }),
  )
  return db.with(found, used, stored).select().from(stored)
})

function storedOf({
  agentKey,
  tokenGeneration,
  ...row
}: Awaited<ReturnType<typeof beatsStatement>>[number]): StoredBeat {
  const { generation, id } = row
  return {
    identity: identityOf({ agentKey, workspaceId: id, generation: tokenGeneration, newest: generation }),
    row,
  }
}
