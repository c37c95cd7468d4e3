// A response writer without a caller: it collects a whole answer, to be stored or parsed.
import { BodyTooLarge, decodeBounded } from '../../platform/bounded-reader.ts'
import { concatBytes } from '../../platform/encoding.ts'
import type { KeptAnswer } from '../answers-in-flight.ts'
import { ProxyError } from '../errors/proxy-error.ts'
import { valueIn } from '../wire/headers.ts'
import type { ResponseListener, ResponseWriter } from './response-writer.ts'

/** `body` is decoded, whatever the `Content-Encoding` was. */
export type CollectedAnswer = { status: number; type: string | null; body: Uint8Array }

const UNLIMITED: KeptAnswer = { add: () => true, release() {} }

/**
 * @param maxBytes a longer answer ends the exchange as if the caller had disconnected
 * @param open counts what is kept of the answer, and may let it wait
 * @returns `answer` throws ProxyError INVALID_AGENT_RESPONSE for a body that cannot be decoded, or is larger when it
 *   is
 */
export function collectResponse(
  maxBytes: number,
  open: (resume: () => void) => KeptAnswer = () => UNLIMITED,
): {
  reply: ResponseWriter
  answer: () => Promise<CollectedAnswer>
  release: () => void
} {
  let status = 0
  let type: string | null = null
  let encoding: string | undefined
  const chunks: Uint8Array[] = []
  let length = 0
  let watching: ResponseListener | undefined
  const kept = open(() => watching?.onDrain())
  const take = (chunk: Uint8Array): boolean => {
    length += chunk.length
    if (length > maxBytes) {
      watching?.onDisconnect()
      return false
    }
    chunks.push(chunk)
    return kept.add(chunk.length)
  }
  const reply: ResponseWriter = {
    // Nothing has been written to a caller, so another attempt may begin a new answer.
    begun: false,
    head(answered, headers) {
      status = answered
      type = valueIn(headers, 'content-type') ?? null
      encoding = valueIn(headers, 'content-encoding')
      if (Number(valueIn(headers, 'content-length') ?? 0) > maxBytes) watching?.onDisconnect()
    },
    write: take,
    end(last) {
      if (last !== undefined) take(last)
    },
    destroy() {},
    listen: (listener) => void (watching = listener),
  }
  return {
    reply,
    release: () => kept.release(),
    answer: async () => ({
      status,
      type,
      body: await decodeAnswer(concatBytes(chunks, length), encoding, maxBytes),
    }),
  }
}

/**
 * Decodes the body of an agent's answer. Agents are asked not to compress, and some do.
 * @throws ProxyError INVALID_AGENT_RESPONSE
 */
export async function decodeAnswer(
  body: Uint8Array,
  encoding: string | undefined,
  maxBytes: number,
): Promise<Uint8Array> {
  try {
    const decoded = await decodeBounded(body, encoding, maxBytes)
    if (decoded !== undefined) return decoded
  } catch (error) {
    if (!(error instanceof BodyTooLarge)) throw error
    throw new ProxyError('INVALID_AGENT_RESPONSE', `the answer is larger than ${maxBytes} bytes`, {
      delivered: 'yes',
      cause: error,
    })
  }
  const message = "the agent's answer has a Content-Encoding that cannot be decoded"
  throw new ProxyError('INVALID_AGENT_RESPONSE', message, { delivered: 'yes' })
}
