// A message that an agent sends to its users by itself. It is stored as an activity, in the form that Molecule's chat
// reads (docs/facts/molecule.md §2.8).
import { z } from 'zod'
import type { Store } from '../platform/context.ts'
import { DomainError, workspaceNotFound } from '../platform/errors.ts'
import { boundedJson, boundedText } from '../platform/postgres-text.ts'
import { ACTIVITY_LIMITS, toActivityRow } from './activity-row.ts'
import { insertActivities } from './insert-activities.ts'
import { whenUsed } from '../platform/when-used.ts'

const Attachment = whenUsed(() =>
  z.object({
    uri: boundedText().min(1, 'must not be empty').max(2048),
    name: boundedText().min(1, 'must not be empty').max(255),
    mimeType: boundedText().max(255).nullish(),
    size: z.int().min(0).nullish(),
  }),
)

/** Bytes that storing adds to the message. */
const ENVELOPE_BYTES = 4_096

const MAX_BYTES = ACTIVITY_LIMITS.body - ENVELOPE_BYTES

/** The body of POST /workspaces/:id/notify. */
export const NotifyInput = whenUsed(() =>
  boundedJson(
    z.object({
      message: boundedText().max(MAX_BYTES).nullish(),
      attachments: z.array(Attachment).max(20).nullish(),
    }),
    MAX_BYTES,
  ),
)

/** @throws DomainError `invalid_input` without a message; `not_found`, also when the workspace is removed */
export async function notify(
  { db, now }: Store,
  workspaceId: string,
  { message, attachments }: z.infer<typeof NotifyInput>,
): Promise<void> {
  if (!message) {
    throw new DomainError('invalid_input', 'message is required', {
      errors: [{ field: 'message', message: 'is required' }],
    })
  }
  const parts = attachments?.map((file) => ({ kind: 'file', file }))
  const row = toActivityRow({
    workspaceId,
    type: 'a2a_receive',
    // As if a person had asked: chats show activities without a source (docs/facts/molecule.md §3.6).
    sourceId: null,
    targetId: null,
    method: 'notify',
    summary: message.slice(0, 200),
    durationMs: null,
    status: 'ok',
    errorDetail: null,
    responseBody:
      parts === undefined || parts.length === 0 ? { result: message } : { result: message, parts },
    at: now(),
  })
  if ((await insertActivities(db, [row], 'living')) === 0) throw workspaceNotFound()
}
