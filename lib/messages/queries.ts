// Reads of stored messages.
import { and, desc, eq, getTableColumns } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { messages } from '../../drizzle/schema/index.ts'
import { getWorkspace } from '../lifecycle/queries.ts'
import type { Core } from '../platform/context.ts'
import { pollUntil } from '../platform/poll.ts'
import type { Message, MessageState } from './message.ts'

export async function findMessage(
  db: Database,
  workspaceId: string,
  id: string,
): Promise<Message | undefined> {
  const [row] = await db
    .select()
    .from(messages)
    .where(and(eq(messages.id, id), eq(messages.workspaceId, workspaceId)))
  return row
}

/**
 * Messages to a workspace, newest first, without bodies.
 * @throws DomainError `not_found`
 */
export async function listMessages(
  db: Database,
  workspaceId: string,
  input: { state?: MessageState | undefined; limit: number },
): Promise<Omit<Message, 'request' | 'response'>[]> {
  const { request: _, response: __, ...columns } = getTableColumns(messages)
  const rows = await db
    .select(columns)
    .from(messages)
    .where(
      and(
        eq(messages.workspaceId, workspaceId),
        input.state === undefined ? undefined : eq(messages.state, input.state),
      ),
    )
    .orderBy(desc(messages.seq))
    .limit(input.limit)
  if (rows.length === 0) await getWorkspace(db, workspaceId)
  return rows
}

/**
 * Waits until a message is finished, the time has passed, or the caller or the process is about to leave.
 * @returns its latest row
 */
export async function waitUntilFinished(
  services: Core,
  message: Message,
  seconds: number,
  signal?: AbortSignal,
): Promise<Message> {
  let row = message
  await pollUntil(services, { timeoutMs: seconds * 1000, signal }, async ({ db }) => {
    row = (await findMessage(db, message.workspaceId, message.id)) ?? row
    return row.finishedAt !== null
  })
  return row
}
