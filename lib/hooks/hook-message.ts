// The A2A message that a webhook delivery becomes. Pure.
import type { Payload } from './payload.ts'
import { cutText, fillTemplate, MAX_OUTPUT } from './template.ts'

export type HookMessage = {
  hook: string
  /** Empty for the payload itself. */
  template: string
  /** A repeated delivery has the same id. */
  messageId: string
  delivery: string
  event: string | undefined
  payload: Payload
}

/** How much of a payload a message contains: all; its text cut, and its data; or only its text, cut. */
type Share = 'all' | 'data' | 'cut'

/**
 * A2A 0.3, which all of Molecule's runtimes speak (docs/facts/molecule.md §1.7). A payload that is too large for a message is cut,
 * because its sender could not send it in parts: the metadata then has `payload_bytes` and `truncated`.
 * @param maxBytes of the message
 * @returns undefined when not even a cut payload fits
 */
export function toMessageText(message: HookMessage, maxBytes: number): string | undefined {
  const { payload, template } = message
  /** How often the message contains the whole payload. */
  const copies: Record<Share, number> = payload.isJson
    ? { all: 2, data: 1, cut: 0 }
    : { all: 1, data: 0, cut: 0 }
  for (const share of ['all', 'data', 'cut'] as const) {
    // What cannot fit is not built.
    if (template === '' && copies[share] * payload.bytes > maxBytes) continue
    const text = buildMessage(message, share)
    if (new TextEncoder().encode(text).length <= maxBytes) return text
  }
  return undefined
}

function buildMessage(message: HookMessage, share: Share): string {
  const { delivery, event, hook, messageId, payload } = message
  const placeholder = crypto.randomUUID()
  const text = JSON.stringify({
    jsonrpc: '2.0',
    id: messageId,
    method: 'message/send',
    params: {
      message: {
        kind: 'message',
        role: 'user',
        messageId,
        parts: partsOf(message, share, placeholder),
        metadata: {
          hook,
          delivery_id: delivery,
          ...(event === undefined ? {} : { event }),
          ...(share === 'all' ? {} : { truncated: true, payload_bytes: payload.bytes }),
        },
      },
    },
  })
  // The payload is inserted as it was sent, so that its numbers stay exact.
  return text.replace(`"${placeholder}"`, () => payload.text)
}

function partsOf(
  { delivery, event, hook, payload, template }: HookMessage,
  share: Share,
  placeholder: string,
): unknown[] {
  if (template !== '') return [{ kind: 'text', text: fillTemplate(template, { payload, event, delivery }) }]
  const { isJson, text } = payload
  if (text.trim() === '')
    return [{ kind: 'text', text: `The hook ${hook} received a request without a body.` }]
  const start = text.trimStart()
  const isString = isJson && start.startsWith('"')
  const shown = isString ? (JSON.parse(text) as string) : text
  const textPart = { kind: 'text', text: share === 'all' ? shown : cutText(shown, MAX_OUTPUT) }
  if (!isJson || isString || share === 'cut') return [textPart]
  // The data of a part must be an object (docs/facts/a2a.md §1.4).
  return [textPart, { kind: 'data', data: start.startsWith('{') ? placeholder : { payload: placeholder } }]
}
