// The inbox of an agent that runs elsewhere (runtime `external`): it is never called, because this control plane calls no
// address that an agent names. Its messages are stored with an activity of the same id, which the agent asks for
// (docs/facts/molecule.md §8.1).
import { and, eq, inArray, sql, type WithSubquery } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { activities, messages } from '../../drizzle/schema/index.ts'
import { ProxyError } from '../a2a/errors/proxy-error.ts'
import { WRITERS_LOCK } from '../activity/insert-activities.ts'
import { type Activity, type ActivityQuery, listActivity } from '../activity/list-activity.ts'
import type { Store } from '../platform/context.ts'
import { isNestedWithin, MAX_NESTING, toPostgresJson, toPostgresText } from '../platform/postgres-text.ts'

/** The longest message for such an agent, in bytes: molecule-cli reads at most one MiB of a page. */
export const MAX_INBOX_BYTES = 262_144

/** The type of the activities that are messages to an agent. */
export const INBOX_TYPE = 'a2a_receive'

/**
 * The part of a statement that puts the message of the CTE `stored` into the inbox.
 * @param request the message as JSON text
 * @throws ProxyError BODY_TOO_LARGE, INVALID_MESSAGE
 */
export function inboxEntry(db: Database, request: string, from: string): WithSubquery {
  const body = JSON.stringify(storableBody(request))
  return db.$with('inbox', { id: activities.id }).as(sql`
    insert into ${activities} (id, workspace_id, activity_type, source_id, target_id, method, summary, request_body, status, created_at)
    select stored.id, stored.workspace_id, ${INBOX_TYPE}, stored.sender_id, stored.workspace_id, stored.method,
      stored.method || ' from ' || ${toPostgresText(from)}::text, ${body}::jsonb, 'ok', stored.created_at
    from stored, ${WRITERS_LOCK}
    returning id`)
}

function storableBody(request: string): unknown {
  if (new TextEncoder().encode(request).length > MAX_INBOX_BYTES) {
    throw new ProxyError(
      'BODY_TOO_LARGE',
      `the agent of this workspace runs elsewhere: a message to it has at most ${MAX_INBOX_BYTES} bytes`,
    )
  }
  try {
    const body: unknown = JSON.parse(request)
    if (isNestedWithin(MAX_NESTING, body)) return toPostgresJson(body)
  } catch {
    // Refused below.
  }
  throw new ProxyError(
    'INVALID_MESSAGE',
    `the message is not JSON, or is nested deeper than ${MAX_NESTING} levels`,
  )
}

/**
 * The messages that the agent has not answered, the oldest first; with `sinceId` those after it. They count as delivered
 * from now on.
 * @throws DomainError `not_found`; `gone` when the activity of `sinceId` does not exist (any more)
 */
export async function readInbox(
  { db, now }: Store,
  workspaceId: string,
  query: Omit<ActivityQuery, 'type' | 'isInbox'>,
): Promise<Activity[]> {
  const rows = await listActivity(db, workspaceId, { ...query, type: INBOX_TYPE, isInbox: true })
  const fetched = rows.map(({ id }) => id)
  if (fetched.length > 0) {
    await db
      .update(messages)
      // Without a lease: only its answer or its expiry ends it.
      .set({ state: 'sending', sentAt: now(), attempts: 1, leasedUntil: null })
      .where(and(inArray(messages.id, fetched), eq(messages.state, 'queued')))
  }
  return rows
}
