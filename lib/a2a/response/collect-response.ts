// The caller's end where nobody listens: an answer is gathered as a whole, to be stored.
import { concatBytes } from '../../platform/encoding.ts'
import type { ResponseWriter } from './response-writer.ts'

export type CollectedAnswer = { status: number; type: string | null; body: Uint8Array }

/** @param maxBytes an answer that is longer counts as a caller who hangs up */
export function collectResponse(maxBytes: number): { reply: ResponseWriter; answer: () => CollectedAnswer } {
  let status = 0
  let type: string | null = null
  const chunks: Uint8Array[] = []
  let length = 0
  const take = (chunk: Uint8Array) => {
    length += chunk.length
    if (length <= maxBytes) chunks.push(chunk)
    else reply.onDisconnect?.()
  }
  const reply: ResponseWriter = {
    // Nobody has heard anything until it is stored.
    begun: false,
    onDrain: undefined,
    onDisconnect: undefined,
    head(answered, headers) {
      status = answered
      type = headers['content-type']?.toString() ?? null
    },
    write(chunk) {
      take(chunk)
      return true
    },
    end(last) {
      if (last !== undefined) take(last)
    },
    destroy() {},
  }
  return {
    reply,
    answer: () => ({ status, type, body: concatBytes(chunks, length) }),
  }
}
