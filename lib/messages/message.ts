// A stored message: its type, and what events record of it.
import { sql } from 'drizzle-orm'
import type { messages } from '../../drizzle/schema/index.ts'

export type Message = typeof messages.$inferSelect

/** What events record of a message, from the columns of its row. Nothing of its content. */
export const MESSAGE_FACTS = sql`jsonb_build_object(
  'message', id, 'message_id', message_id, 'context_id', context_id, 'sender', caller)`

export type MessageState = Message['state']

/** How long a message is kept after it is finished, and how long its delivery is tried, in milliseconds. */
export const retentionMs = (hours: number) => hours * 3_600_000
