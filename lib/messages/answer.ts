// The answer of an agent that runs elsewhere to a message that it fetched (inbox.ts). The sender gets it as
// if the agent had been called.
import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { activities } from '../../drizzle/schema/index.ts'
import { isV1Method, parseEnvelope, type RequestId } from '../a2a/wire/json-rpc.ts'
import { ACTIVITY_LIMITS } from '../activity/activity-row.ts'
import type { Context } from '../config/context.ts'
import { decodeBase64 } from '../platform/encoding.ts'
import { DomainError } from '../platform/errors.ts'
import { boundedJson, boundedText, toPostgresJson } from '../platform/postgres-text.ts'
import { finishMessage } from './finish.ts'
import type { Message } from './message.ts'
import { findMessage } from './queries.ts'
import { whenUsed } from '../platform/when-used.ts'

/** The longest answer, in bytes as JSON. */
const MAX_ANSWER_BYTES = 1_000_000

/** The body of POST /workspaces/:id/messages/:message/response: exactly one of the three. */
export const AnswerInput = whenUsed(() =>
  boundedJson(
    z
      .strictObject({
        text: boundedText().min(1, 'must not be empty').optional(),
        result: z.record(z.string(), z.unknown()).optional(),
        error: z.looseObject({ code: z.int(), message: boundedText().max(4_000) }).optional(),
      })
      .refine(
        ({ error, result, text }) => [error, result, text].filter((one) => one !== undefined).length === 1,
        'must have text, result or error, and only one of them',
      ),
    MAX_ANSWER_BYTES,
  ),
)

/**
 * @throws DomainError `not_found`; `conflict` when the message was not fetched or is finished
 */
export async function answerMessage(
  services: Context,
  workspaceId: string,
  id: string,
  input: z.infer<typeof AnswerInput>,
): Promise<Message> {
  const message = await findMessage(services.db, workspaceId, id)
  if (message === undefined) throw new DomainError('not_found', 'message not found')
  const answer = JSON.stringify(await answerTo(message, input))
  const body = new TextEncoder().encode(answer)
  const isStored = await finishMessage(
    services,
    message,
    { state: 'answered', answer: { status: 200, type: 'application/json', body } },
    answered(services, answer, input.error === undefined ? 'ok' : 'error'),
  )
  const after = await findMessage(services.db, workspaceId, id)
  if (isStored && after !== undefined) return after
  throw new DomainError('conflict', conflictOf(after?.state))
}

const conflictOf = (state: Message['state'] | undefined) =>
  state === 'queued'
    ? 'the message was not fetched yet: GET /workspaces/{id}/activity?type=a2a_receive fetches it'
    : `the message is ${state ?? 'gone'}: it takes no answer any more`

/** A JSON-RPC response in the caller's version of A2A, with the caller's id. */
async function answerTo(
  { contextId, method, request }: Message,
  { error, result, text }: z.infer<typeof AnswerInput>,
): Promise<{ jsonrpc: '2.0'; id: RequestId } & Record<string, unknown>> {
  const { id } = (await parseEnvelope(decodeBase64(request))).envelope
  if (error !== undefined) return { jsonrpc: '2.0', id, error }
  return { jsonrpc: '2.0', id, result: result ?? messageOf(text ?? '', method, contextId) }
}

function messageOf(text: string, method: string, contextId: string | null): Record<string, unknown> {
  const ids = { messageId: crypto.randomUUID(), ...(contextId === null ? {} : { contextId }) }
  return isV1Method(method)
    ? { message: { role: 'ROLE_AGENT', ...ids, parts: [{ text }] } }
    : { kind: 'message', role: 'agent', ...ids, parts: [{ kind: 'text', text }] }
}

/** The part of the statement that shows the answer in the activity of the message. */
function answered({ db, now }: Context, answer: string, status: 'ok' | 'error') {
  const text = JSON.stringify(toPostgresJson(JSON.parse(answer)))
  const shown = text.length > ACTIVITY_LIMITS.body ? null : text
  return db.$with('shown', { id: activities.id }).as(sql`
    update ${activities} set response_body = ${shown}::jsonb, status = ${status},
      duration_ms = least(extract(epoch from ${now().toISOString()}::timestamptz - created_at) * 1000, 2147483647)::integer
    where id in (select id from finished) returning id`)
}
