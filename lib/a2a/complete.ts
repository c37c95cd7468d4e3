// Adds what a message lacks and nothing else. The tutorial's message has neither `messageId` nor `kind`; 0.3 servers refuse
// the first and need the second (a2a.md §1.4). A complete message is not touched, down to its bytes.
import type { Envelope } from './json-rpc.ts'

const SENDS_0_3 = new Set(['message/send', 'message/stream'])

/**
 * @returns the body to send: the original text where nothing was missing
 */
export function completeMessage(text: string, envelope: Envelope): string {
  const { body } = envelope
  if (body === undefined) return text
  const bare = !Object.hasOwn(body, 'jsonrpc') && envelope.method !== undefined
  const lacking = SENDS_0_3.has(envelope.method ?? '') ? completeParams(body['params']) : undefined
  if (!bare && lacking === undefined) return text
  const exact = JSON.parse(text, keepNumbers) as Record<string, unknown>
  const params = SENDS_0_3.has(envelope.method ?? '') ? completeParams(exact['params']) : undefined
  return JSON.stringify({
    ...(bare ? { jsonrpc: '2.0', ...(Object.hasOwn(body, 'id') ? {} : { id: crypto.randomUUID() }) } : {}),
    ...exact,
    ...(params === undefined ? {} : { params }),
  })
}

// JavaScript reads 1.0 and 9007199254740993 as other numbers than were sent; their text is kept instead.
function keepNumbers(_key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source
  if (typeof value !== 'number' || source === undefined || source === String(value)) return value
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(source)
}

// Only what is absent is added: a wrong value is the agent's to refuse. Undefined: nothing was missing.
function completeParams(params: unknown): Record<string, unknown> | undefined {
  if (!isObject(params) || !isObject(params['message'])) return undefined
  const message = params['message']
  const additions: Record<string, unknown> = {}
  if (!Object.hasOwn(message, 'kind')) additions['kind'] = 'message'
  if (!Object.hasOwn(message, 'messageId'))
    additions['messageId'] = params['messageId'] ?? crypto.randomUUID()
  const parts = completeParts(message['parts'])
  if (parts !== undefined) additions['parts'] = parts
  if (Object.keys(additions).length === 0) return undefined
  return { ...params, message: { ...message, ...additions } }
}

const PART_KINDS = new Set(['text', 'file', 'data'])

function completeParts(parts: unknown): unknown[] | undefined {
  if (!Array.isArray(parts)) return undefined
  let changed = false
  const completed = parts.map((part: unknown) => {
    if (!isObject(part) || Object.hasOwn(part, 'kind')) return part
    const kind = kindOf(part)
    if (kind === undefined) return part
    changed = true
    return { kind, ...part }
  })
  return changed ? completed : undefined
}

// Molecule's own callers write `type` for `kind` (molecule.md §1.7).
function kindOf(part: Record<string, unknown>): string | undefined {
  if (typeof part['type'] === 'string' && PART_KINDS.has(part['type'])) return part['type']
  return !Object.hasOwn(part, 'type') && typeof part['text'] === 'string' ? 'text' : undefined
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
