// The A2A message that a webhook delivery becomes. Pure.
import type { Payload } from './payload.ts'
import { fillTemplate } from './template.ts'

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

/** A2A 0.3, which all of Molecule's runtimes speak (docs/facts/molecule.md §1.7). */
export function toMessageText(message: HookMessage): string {
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
        parts: partsOf(message, placeholder),
        metadata: { hook, delivery_id: delivery, ...(event === undefined ? {} : { event }) },
      },
    },
  })
  // The payload is inserted as it was sent, so that its numbers stay exact.
  return text.replace(`"${placeholder}"`, () => payload.text)
}

function partsOf({ delivery, event, hook, payload, template }: HookMessage, placeholder: string): unknown[] {
  if (template !== '') return [{ kind: 'text', text: fillTemplate(template, { payload, event, delivery }) }]
  const { text, value } = payload
  if (text.trim() === '')
    return [{ kind: 'text', text: `The hook ${hook} received a request without a body.` }]
  if (typeof value === 'string') return [{ kind: 'text', text: value }]
  // The data of a part must be an object (docs/facts/a2a.md §1.4).
  const isRecord = text.trimStart().startsWith('{')
  return [
    { kind: 'text', text },
    { kind: 'data', data: isRecord ? placeholder : { payload: placeholder } },
  ]
}
