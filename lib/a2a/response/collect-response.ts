// A response writer without a caller: it collects a whole answer, to be stored or parsed.
import { concatBytes } from '../../platform/encoding.ts'
import type { ResponseWriter } from './response-writer.ts'

export type CollectedAnswer = { status: number; type: string | null; body: Uint8Array }

/** @param maxBytes a longer answer ends the exchange as if the caller had disconnected */
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
    // Nothing has been written to a caller, so another attempt may begin a new answer.
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
