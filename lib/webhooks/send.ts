// One attempt to deliver an event to an endpoint: signed as Standard Webhooks specifies, with a timeout, and with a
// bounded read of the answer.
import type { WebhookContext } from './context.ts'
import { toPostgresText } from '../platform/postgres-text.ts'
import { parseRetryAfter } from './retry.ts'
import { signEvent } from './sign.ts'

/** How long an endpoint may take, from the connection to the end of its answer, in milliseconds. */
export const TIMEOUT_MS = 15_000

/** Bytes of an answer that are read, and characters of a refusal that are stored. */
const READ_BYTES = 16 * 1024
const KEPT = 200

export type Notification = {
  /** The `webhook-id`: the same in every attempt. */
  id: string
  type: string
  /** When the event happened. */
  at: string
  data: unknown
}

export type AttemptOutcome =
  | { kind: 'delivered'; status: number }
  | { kind: 'failed'; status: number | null; message: string; retryAfterMs: number | undefined }

/** @param secrets each signs; at least one */
export async function send(
  services: WebhookContext,
  url: string,
  secrets: readonly string[],
  { at, data, id, type }: Notification,
): Promise<AttemptOutcome> {
  const { metrics, now } = services
  const body = JSON.stringify({ type, timestamp: at, data })
  const sentAt = now()
  const signatures = await Promise.all(secrets.map((secret) => signEvent(secret, id, sentAt, body)))
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'molecule-fly-webhooks',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1000)),
    'webhook-signature': signatures.join(' '),
  }
  const began = performance.now()
  const outcome = await post(services, url, headers, body)
  metrics.observe('molecule_webhook_delivery_seconds', (performance.now() - began) / 1000)
  metrics.count('molecule_webhook_deliveries_total', { outcome: labelOf(outcome) })
  return outcome
}

async function post(
  { fetchTarget, now, sleep }: WebhookContext,
  url: string,
  headers: Record<string, string>,
  body: string,
): Promise<AttemptOutcome> {
  const late = new AbortController()
  const over = new AbortController()
  void sleep(TIMEOUT_MS, over.signal).then(() => late.abort())
  try {
    const response = await fetchTarget(url, { method: 'POST', headers, body, signal: late.signal })
    const { ok, status } = response
    // The answer of a success is read only so that the connection can be used again.
    const answer = await readStart(response).catch(() => '')
    if (ok) return { kind: 'delivered', status }
    return {
      kind: 'failed',
      status,
      message: [`answered ${status}${hintOf(status)}`, answer].filter(Boolean).join(': '),
      retryAfterMs: parseRetryAfter(response.headers.get('retry-after'), now()),
    }
  } catch (error) {
    const message = late.signal.aborted ? `did not answer within ${TIMEOUT_MS / 1000} s` : causeOf(error)
    return { kind: 'failed', status: null, message, retryAfterMs: undefined }
  } finally {
    over.abort()
  }
}

const hintOf = (status: number) =>
  status >= 300 && status < 400 ? ', and redirects are not followed: use the address that it leads to' : ''

/** The start of an answer. The rest of a long one is not read. */
async function readStart(response: Response): Promise<string> {
  const reader = response.body?.getReader()
  if (reader === undefined) return ''
  const decoder = new TextDecoder()
  let text = ''
  for (let length = 0; length < READ_BYTES;) {
    const { done, value } = await reader.read()
    if (done) return kept(text)
    length += value.byteLength
    if (text.length < KEPT) text += decoder.decode(value, { stream: true })
  }
  await reader.cancel().catch(() => {})
  return kept(text)
}

const kept = (text: string) => toPostgresText(text.slice(0, KEPT)).trim()

/** The innermost cause of a failed fetch, which itself only says that it failed. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.cause instanceof Error) return causeOf(error.cause)
  // Several addresses were tried; the first is as good as any.
  if (error instanceof AggregateError && error.errors.length > 0) return causeOf(error.errors[0])
  return toPostgresText(error.message.slice(0, KEPT)) || error.name
}

function labelOf(outcome: AttemptOutcome): string {
  if (outcome.kind === 'delivered') return 'delivered'
  return outcome.status === null ? 'no_answer' : `${Math.floor(outcome.status / 100)}xx`
}
