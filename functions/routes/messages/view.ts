// A stored message in responses.
import { z } from '@hono/zod-openapi'
import { decodeBase64 } from '../../../lib/platform/encoding.ts'
import type { Message } from '../../../lib/messages/message.ts'
import { isNestedWithin, MAX_NESTING } from '../../../lib/platform/postgres-text.ts'
import { described } from '../../../lib/platform/described.ts'
import { nullableTimestamp } from '../../http/openapi.ts'

export const MessageView = described(() =>
  z
    .object({
      id: z.uuid(),
      url: z.string(),
      workspace_id: z.uuid(),
      message_id: z.string(),
      context_id: z.string().nullable(),
      source_id: z.uuid().nullable(),
      method: z.string(),
      state: z.enum(['queued', 'sending', 'answered', 'failed', 'unknown']),
      attempts: z.int(),
      failure: z
        .object({ reason: z.string(), message: z.string(), delivered: z.enum(['yes', 'no', 'unknown']) })
        .nullable(),
      response_status: z.int().nullable(),
      response: z.unknown(),
      created_at: z.iso.datetime(),
      sent_at: nullableTimestamp,
      finished_at: nullableTimestamp,
      expires_at: z.iso.datetime(),
    })
    .openapi('Message'),
)

/** @param publicUrl base of the message's URL, without a trailing slash */
export function toMessageView(row: Omit<Message, 'request'>, publicUrl: string): z.infer<typeof MessageView> {
  const at = (date: Date | null) => date?.toISOString() ?? null
  return {
    id: row.id,
    url: `${publicUrl}/workspaces/${row.workspaceId}/messages/${row.id}`,
    workspace_id: row.workspaceId,
    message_id: row.messageId,
    context_id: row.contextId,
    source_id: row.senderId,
    method: row.method,
    state: row.state,
    attempts: row.attempts,
    failure: row.failure,
    response_status: row.responseStatus,
    response: responseOf(row),
    created_at: row.createdAt.toISOString(),
    sent_at: at(row.sentAt),
    finished_at: at(row.finishedAt),
    expires_at: row.expiresAt.toISOString(),
  }
}

/**
 * The response as JSON; as a string where it is not JSON (an event stream, for example) or is nested too deeply to be
 * part of another response. Its exact bytes are at `…/response`.
 */
function responseOf({ response }: Pick<Message, 'response'>): unknown {
  if (response === null) return null
  const text = new TextDecoder().decode(decodeBase64(response))
  try {
    const answer: unknown = JSON.parse(text)
    return isNestedWithin(MAX_NESTING, answer) ? answer : text
  } catch {
    return text
  }
}
