// Adds the members that a 0.3 message lacks. The tutorial's message has neither `messageId` nor `kind`, and 0.3
// servers need both (docs/facts/a2a.md §1.4). The bytes of a complete message are not changed.
import { changeJson, isObject, type JsonObject } from './lossless-json.ts'
import type { Envelope } from './json-rpc.ts'

const SENDS_0_3 = new Set(['message/send', 'message/stream'])

/** @returns the body to send: the original text where nothing was missing */
export function normalizeMessage(text: string, { body, method }: Envelope): string {
  if (body === undefined) return text
  // Molecule's own callers send a body without an envelope. A body that has one is never given an id
  // (docs/facts/a2a.md §1.4).
  const lacksEnvelope = !Object.hasOwn(body, 'jsonrpc') && method !== undefined
  const is0_3 = SENDS_0_3.has(method ?? '')
  if (!lacksEnvelope && !(is0_3 && isIncomplete(body['params']))) return text
  return changeJson(text, (exact) => {
    if (!isObject(exact)) return undefined
    const params = is0_3 ? completeParams(exact['params']) : undefined
    return {
      ...(lacksEnvelope
        ? { jsonrpc: '2.0', ...(Object.hasOwn(exact, 'id') ? {} : { id: crypto.randomUUID() }) }
        : {}),
      ...exact,
      ...(params === undefined ? {} : { params }),
    }
  })
}

const isIncomplete = (params: unknown) => completeParams(params) !== undefined

// Adds only what is absent: the agent refuses a wrong value. Undefined if nothing is missing.
function completeParams(params: unknown): JsonObject | undefined {
  if (!isObject(params) || !isObject(params['message'])) return undefined
  const message = params['message']
  const additions: JsonObject = {}
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

// Molecule's own callers write `type` for `kind` (docs/facts/molecule.md §1.7).
function kindOf(part: JsonObject): string | undefined {
  if (typeof part['type'] === 'string' && PART_KINDS.has(part['type'])) return part['type']
  return !Object.hasOwn(part, 'type') && typeof part['text'] === 'string' ? 'text' : undefined
}
