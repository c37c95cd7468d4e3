// Reads the activity of a workspace: the newest first for people, or the rows after a given one for agents that poll
// (docs/facts/molecule.md §2.8, §8.1).
import { and, asc, desc, eq, gt, gte, isNotNull, isNull, lt, sql, type SQLWrapper } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { activities, messages } from '../../drizzle/schema/index.ts'
import { DomainError } from '../platform/errors.ts'
import { getWorkspace } from '../lifecycle/queries.ts'

export type Activity = typeof activities.$inferSelect

export type ActivityQuery = {
  limit: number
  type?: string | undefined
  /** `canvas`: started by people; `agent`: by workspaces. */
  source?: 'canvas' | 'agent' | undefined
  /** The last row that the reader has seen: the rows after it are returned, the oldest first. */
  sinceId?: string | undefined
  /** Only rows that were created at this time or later. */
  since?: Date | undefined
  /** Only what this workspace started. */
  peerId?: string | undefined
  /** Only rows that were created before this time. */
  before?: Date | undefined
  /** Only messages that their agent has not answered, the oldest first (lib/messages/inbox.ts). */
  isInbox?: boolean
}

/** A page ends once its rows reach this size: molecule-cli reads at most one MiB of an answer. */
const PAGE_BYTES = 750_000

/** @throws DomainError `not_found`; `gone` when the row of `sinceId` does not exist (any more) */
export async function listActivity(
  db: Database,
  workspaceId: string,
  query: ActivityQuery,
): Promise<Activity[]> {
  const after = query.sinceId === undefined ? undefined : await seqOf(db, workspaceId, query.sinceId)
  const direction = after === undefined && query.isInbox !== true ? desc : asc
  const page = db
    .select()
    .from(activities)
    .where(
      and(
        eq(activities.workspaceId, workspaceId),
        query.type === undefined ? undefined : eq(activities.type, query.type),
        query.source === undefined ? undefined : SOURCES[query.source],
        after === undefined ? undefined : gt(activities.seq, after),
        query.since === undefined ? undefined : gte(activities.createdAt, query.since),
        query.peerId === undefined ? undefined : eq(activities.sourceId, query.peerId),
        query.before === undefined ? undefined : lt(activities.createdAt, query.before),
        query.isInbox === true ? IS_UNANSWERED : undefined,
      ),
    )
    .orderBy(direction(activities.seq))
    .limit(query.limit)
    .as('page')
  const weighed = db
    .select({
      ...page._.selectedFields,
      before: sql<number>`sum(octet_length(page::text)) over (order by ${direction(page.seq)}
        rows between unbounded preceding and 1 preceding)`.as('before'),
    })
    .from(page)
    .as('weighed')
  const { before, ...row } = weighed._.selectedFields
  const rows = await db
    .select({
      ...row,
      requestBody: asStored(row.requestBody),
      responseBody: asStored(row.responseBody),
      toolTrace: asStored(row.toolTrace),
    })
    .from(weighed)
    .where(sql`coalesce(${before}, 0) < ${PAGE_BYTES}`)
    .orderBy(direction(weighed.seq))
  if (rows.length === 0 && after === undefined) await getWorkspace(db, workspaceId)
  return rows
}

// Drivers parse JSON, and drizzle parses a resulting text once more: the text "42" would become a number.
const asStored = (body: SQLWrapper) =>
  sql<unknown>`${body}::text`.mapWith((text: string) => JSON.parse(text) as unknown)

/** The message has the id of its activity. */
const IS_UNANSWERED = sql`exists (select from ${messages}
  where ${messages.id} = ${activities.id} and ${messages.state} in ('queued', 'sending'))`

const SOURCES = { canvas: isNull(activities.sourceId), agent: isNotNull(activities.sourceId) }

async function seqOf(db: Database, workspaceId: string, id: string): Promise<number> {
  const [row] = await db
    .select({ seq: activities.seq })
    .from(activities)
    .where(and(eq(activities.id, id), eq(activities.workspaceId, workspaceId)))
  if (row !== undefined) return row.seq
  await getWorkspace(db, workspaceId)
  throw new DomainError(
    'gone',
    'since_id: this activity does not exist (any more); omit it to start from the newest',
  )
}
