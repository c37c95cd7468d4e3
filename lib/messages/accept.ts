// Accepts a message for later delivery. Once it is stored, it is delivered once or its row records why not, across
// restarts of the control plane. The same message id from the same caller is the same message.
import { and, eq, sql, type WithSubquery } from 'drizzle-orm'
import type { Database } from '../../drizzle/database.ts'
import { messages } from '../../drizzle/schema/index.ts'
import { type HeaderList, valueIn } from '../a2a/wire/headers.ts'
import { insertText } from '../a2a/wire/insert-text.ts'
import type { Envelope } from '../a2a/wire/json-rpc.ts'
import { type Completion, completionOf } from '../a2a/wire/normalize-message.ts'
import { stringAt } from '../a2a/wire/request-outline.ts'
import { ProxyError } from '../a2a/errors/proxy-error.ts'
import { toBytes } from '../a2a/response/response-writer.ts'
import type { A2aRequest } from '../a2a/request.ts'
import { LEADS_TO_READY, noRouteError } from '../a2a/route.ts'
import { callerKey } from '../auth/caller.ts'
import type { Context } from '../config/context.ts'
import { diagnoseDatabase } from '../platform/database-errors.ts'
import { concatBytes, encodeHex } from '../platform/encoding.ts'
import { appendEvent } from '../events/append-event.ts'
import { getWorkspace } from '../lifecycle/queries.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import { isExternal } from '../machines/runtimes.ts'
import { decodeBase64InSlices, decodeUtf8InSlices, encodeBase64InSlices } from '../platform/slices.ts'
import { inboxEntry } from './inbox.ts'
import { type Message, MESSAGE_FACTS, retentionMs } from './message.ts'

/** Request headers that are stored with a message. None of them is a credential (docs/facts/a2a.md §3.4). */
const STORED_HEADERS = new Set([
  'accept',
  'accept-language',
  'a2a-version',
  'a2a-extensions',
  'x-a2a-extensions',
  'content-type',
  'idempotency-key',
  'traceparent',
  'tracestate',
])

export type Acceptance = Pick<
  A2aRequest,
  'workspaceId' | 'caller' | 'headers' | 'query' | 'body' | 'envelope'
> & {
  /** The control plane wrote the message itself. */
  isByPlatform?: boolean
  /** Identifies the message where its sender identifies it by other means than its content. */
  fingerprint?: string
}

export type Accepted = {
  message: Message
  /** Messages of this workspace that are not finished, this one included. */
  depth: number
  /** The message had been accepted before. */
  isRepeat: boolean
}

/**
 * The most that waits for one workspace, so that an agent that does not answer cannot fill the database. Approximate:
 * requests that arrive at the same time do not see each other. Bytes are counted as stored, in base64.
 */
const MAX_WAITING = 10_000
const MAX_WAITING_BYTES = 100_000_000

/**
 * @param also a further insert in the same statement, as a CTE that reads the CTE `stored`: both are stored or
 *   neither
 * @param unconfirmed the error to throw for one after which the message may be stored
 * @throws ProxyError MESSAGE_ID_REUSED when its id was used for another message; WORKSPACE_… when it can never be
 *   delivered; TOO_MANY_MESSAGES_WAITING; BODY_TOO_LARGE and INVALID_MESSAGE for an agent that runs elsewhere
 */
export async function acceptMessage(
  services: Context,
  acceptance: Acceptance,
  also?: WithSubquery,
  unconfirmed: (error: unknown) => unknown = (error) => error,
): Promise<Accepted> {
  const { db } = services
  const [workspace, waiting] = await Promise.all([
    getWorkspace(db, acceptance.workspaceId),
    waitingFor(db, acceptance.workspaceId),
  ])
  const row = await newMessage(services, acceptance, workspace)
  const canArrive = LEADS_TO_READY.includes(workspace.status)
  const isFull =
    waiting.count >= MAX_WAITING ||
    (waiting.count > 0 && waiting.bytes + row.request.length > MAX_WAITING_BYTES)
  if (canArrive && !isFull) {
    const stored = db.$with('stored').as(db.insert(messages).values(row).onConflictDoNothing().returning())
    const logged = appendEvent(db, 'stored', {
      event: 'message_accepted',
      now: row.createdAt,
      workspaceId: sql`workspace_id`,
      payload: MESSAGE_FACTS,
    })
    const inbox = isExternal(workspace) ? [inboxEntry(db, await requestText(row), row.caller)] : []
    const [message] = await db
      .with(stored, logged, ...inbox, ...(also === undefined ? [] : [also]))
      .select()
      .from(stored)
      .catch((error: unknown) => {
        throw unconfirmed(error)
      })
    if (message !== undefined) return { message, depth: waiting.count + 1, isRepeat: false }
  }
  const [earlier] = await db
    .select()
    .from(messages)
    .where(
      and(
        eq(messages.workspaceId, row.workspaceId),
        eq(messages.caller, row.caller),
        eq(messages.messageId, row.messageId),
      ),
    )
  if (earlier === undefined) {
    if (!canArrive || !isFull) throw noRouteError(workspace)
    throw new ProxyError(
      'TOO_MANY_MESSAGES_WAITING',
      `${waiting.count} messages with ${Math.round(waiting.bytes / 1_000_000)} MB already wait for this workspace`,
    )
  }
  if (earlier.fingerprint !== row.fingerprint) {
    throw new ProxyError('MESSAGE_ID_REUSED', 'this messageId was used for another message: use a new one')
  }
  return { message: earlier, depth: waiting.count, isRepeat: true }
}

/**
 * Accepts a message of a sender who reads whether it may have been delivered.
 * @throws ProxyError as {@link acceptMessage}; UNAVAILABLE when the database breaks off, and may have stored it
 */
export const acceptFromSender = (services: Context, acceptance: Acceptance): Promise<Accepted> =>
  acceptMessage(services, acceptance, undefined, (cause) => {
    const failure = diagnoseDatabase(cause)
    if (failure?.kind !== 'unavailable') return cause
    const message = `${failure.message}; the message may be stored: send it again with the same messageId`
    return new ProxyError('UNAVAILABLE', message, { delivered: 'unknown', cause })
  })

const requestText = async ({ request }: Pick<Message, 'request'>) =>
  (await decodeUtf8InSlices(await decodeBase64InSlices(request))) ?? ''

async function newMessage(
  { config, now, tracer }: Context,
  {
    body = new Uint8Array(),
    caller,
    envelope,
    fingerprint,
    headers,
    isByPlatform = false,
    query,
    workspaceId,
  }: Acceptance,
  { completesMessages }: Pick<Workspace, 'completesMessages'>,
): Promise<Omit<Message, 'seq'>> {
  const id = crypto.randomUUID()
  const at = now()
  // Completed now, so that the row has the message id that is delivered.
  const completion = completesMessages
    ? completionOf(body, envelope)
    : { insertions: [], messageId: undefined }
  const { messageId, contextId } = idsOf(body, envelope, completion)
  const request = await encodeBase64InSlices(await insertText(body, completion.insertions))
  const traceparent = tracer.traceparent()
  return {
    id,
    workspaceId,
    caller: callerKey(caller),
    senderId: caller.kind === 'workspace' ? caller.workspaceId : null,
    messageId: messageId ?? id,
    contextId: contextId ?? null,
    method: envelope.method ?? '',
    request,
    isByPlatform,
    requestHeaders: {
      ...storedHeaders(headers, query),
      ...(traceparent === undefined ? {} : { traceparent }),
    },
    fingerprint: fingerprint ?? (await fingerprintOf(body, envelope)),
    state: 'queued',
    attempts: 0,
    nextAttemptAt: at,
    leasedUntil: null,
    sentAt: null,
    responseStatus: null,
    responseType: null,
    response: null,
    failure: null,
    finishedAt: null,
    createdAt: at,
    expiresAt: new Date(at.getTime() + retentionMs(config.a2a.messageRetentionHours)),
  }
}

/** Versions look like `1.0`. Other values in the query could not be sent as a header (docs/facts/a2a.md §1.3). */
const VERSION = /^[\w.-]{1,32}$/

function storedHeaders(headers: HeaderList, query: string): Record<string, string> {
  const stored: Record<string, string> = {}
  const version = new URLSearchParams(query).get('A2A-Version')
  if (version !== null && VERSION.test(version)) stored['a2a-version'] = version
  for (const name of STORED_HEADERS) {
    const value = valueIn(headers, name)
    if (value !== undefined) stored[name] = value
  }
  return stored
}

/**
 * Identifies a message by its method and params. The envelope is left out, because a client may use a new id for a
 * second attempt, and so are the members that were added here.
 */
async function fingerprintOf(body: Uint8Array, { method, outline }: Envelope): Promise<string> {
  const { start, end } = outline?.params ?? { start: 0, end: 0 }
  const name = toBytes(`${JSON.stringify(method ?? null)} `)
  const bytes = concatBytes([name, body.subarray(start, end)], name.length + end - start)
  return encodeHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as BufferSource)))
}

/** Longest message and context id that is stored, in characters. */
const MAX_ID_LENGTH = 512

/** Each character of an id may be written as an escape of six. */
const MAX_WRITTEN_LENGTH = 6 * MAX_ID_LENGTH + 2

function idsOf(
  body: Uint8Array,
  { outline }: Envelope,
  completion: Completion,
): { messageId?: string; contextId?: string } {
  const message = outline?.message
  const messageId = completion.messageId ?? stringAt(body, message?.messageId, MAX_WRITTEN_LENGTH)
  const contextId = stringAt(body, message?.contextId, MAX_WRITTEN_LENGTH)
  return {
    ...(isStorableId(messageId) ? { messageId } : {}),
    ...(isStorableId(contextId) ? { contextId } : {}),
  }
}

const isStorableId = (id: unknown): id is string =>
  typeof id === 'string' && id !== '' && id.length <= MAX_ID_LENGTH && id.isWellFormed() && !id.includes('\0')

async function waitingFor(db: Database, workspaceId: string): Promise<{ count: number; bytes: number }> {
  const [waiting] = await db
    .select({
      count: sql<number>`count(*)::int`,
      // Postgres knows the length without reading the text.
      bytes: sql<string>`coalesce(sum(octet_length(${messages.request})), 0)`,
    })
    .from(messages)
    // Without a lease, a message that is being sent was fetched by its agent, and does not wait any more.
    .where(
      and(
        eq(messages.workspaceId, workspaceId),
        sql`${messages.state} in ('queued', 'sending') and (${messages.state} = 'queued' or ${messages.leasedUntil} is not null)`,
      ),
    )
  return { count: waiting?.count ?? 0, bytes: Number(waiting?.bytes ?? 0) }
}
