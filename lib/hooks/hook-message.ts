// The A2A message that a webhook delivery becomes.
import { type PlatformMessage, writePlatformMessage } from '../messages/platform-message.ts'
import { encodeUtf8InSlices } from '../platform/slices.ts'
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
 * A payload that is too large for a message is cut, because its sender could not send it in parts: the metadata then has
 * `payload_bytes` and `truncated`.
 * @param maxBytes of the message
 * @returns the body of its request; undefined when not even a cut payload fits
 */
export async function toMessageBody(message: HookMessage, maxBytes: number): Promise<Uint8Array | undefined> {
  const { payload, template } = message
  /** How often the message contains the whole payload. */
  const copies: Record<Share, number> = payload.isJson
    ? { all: 2, data: 1, cut: 0 }
    : { all: 1, data: 0, cut: 0 }
  for (const share of ['all', 'data', 'cut'] as const) {
    // What cannot fit is not built.
    if (template === '' && copies[share] * payload.bytes > maxBytes) continue
    const body = await encodeUtf8InSlices(buildMessage(message, share))
    if (body.length <= maxBytes) return body
  }
  return undefined
}

function buildMessage(message: HookMessage, share: Share): string {
  const { delivery, event, hook, messageId, payload } = message
  return writePlatformMessage({
    id: messageId,
    messageId,
    ...contentOf(message, share),
    metadata: {
      hook,
      delivery_id: delivery,
      ...(event === undefined ? {} : { event }),
      ...(share === 'all' ? {} : { truncated: true, payload_bytes: payload.bytes }),
    },
  })
}

function contentOf(
  { delivery, event, hook, payload, template }: HookMessage,
  share: Share,
): Pick<PlatformMessage, 'text' | 'data'> {
  if (template !== '') return { text: fillTemplate(template, { payload, event, delivery }) }
  const { isJson, text } = payload
  if (text.trim() === '') return { text: `The hook ${hook} received a request without a body.` }
  const start = text.trimStart()
  const isString = isJson && start.startsWith('"')
  const whole = isString ? (JSON.parse(text) as string) : text
  const shown = share === 'all' ? whole : cutText(whole, MAX_OUTPUT)
  if (!isJson || isString || share === 'cut') return { text: shown }
  // The data of a part must be an object (docs/facts/a2a.md §1.4).
  return { text: shown, data: start.startsWith('{') ? text : `{"payload":${text}}` }
}
