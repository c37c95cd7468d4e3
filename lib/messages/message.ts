// A stored message, as every verb about it passes it around.
import { sql } from 'drizzle-orm'
import type { messages } from '../../drizzle/schema/index.ts'

export type Message = typeof messages.$inferSelect

/** What events say of a message, from the columns of its row. Nothing of what was said in it. */
export const MESSAGE_FACTS = sql`jsonb_build_object(
  'message', id, 'message_id', message_id, 'context_id', context_id, 'sender', caller)`

export type MessageState = Message['state']

/** How long what was said lasts after a message is finished, and how long delivery is tried, in milliseconds. */
export const retentionMs = (hours: number) => hours * 3_600_000
