// A stored message, as every verb about it passes it around.
import type { messages } from '../../drizzle/schema.ts'

export type Message = typeof messages.$inferSelect

export type MessageState = Message['state']

/** How long what was said lasts after a message is finished, and how long delivery is tried, in milliseconds. */
export const retentionMs = (hours: number) => hours * 3_600_000
