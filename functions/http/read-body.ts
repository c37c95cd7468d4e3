// Reads a request body, and never holds more of it than the limit.
import { type ByteBudget } from '../../lib/platform/byte-budget.ts'
import { concatBytes } from '../../lib/platform/encoding.ts'
import { DomainError } from '../../lib/platform/errors.ts'
import { pauseSlice, SliceCounter } from '../../lib/platform/slices.ts'

/**
 * @param budget counts the bytes while they are read; the caller gives back the length of the result
 * @returns the bytes, or undefined when there are more than `maxBytes`
 * @throws DomainError `unavailable` when the budget is used up
 */
export async function readBody(
  request: Request,
  maxBytes: number,
  budget?: ByteBudget,
): Promise<Uint8Array | undefined> {
  if (announcedBytes(request) > maxBytes) return undefined
  if (request.body === null) return new Uint8Array()
  const chunks: Uint8Array[] = []
  const slices = new SliceCounter()
  let length = 0
  let isComplete = false
  try {
    for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
      if (length + chunk.byteLength > maxBytes) return undefined
      if (budget?.take(chunk.byteLength) === false) {
        const message = 'too many large bodies arrive at the same time: send it again'
        throw new DomainError('unavailable', message, { retryAfterSeconds: 5 })
      }
      length += chunk.byteLength
      chunks.push(chunk)
      if (slices.add(chunk.byteLength)) await pauseSlice()
    }
    isComplete = true
    return concatBytes(chunks, length)
  } finally {
    if (!isComplete) budget?.giveBack(length)
  }
}

/** `Content-Length`; 0 when it is unknown. */
export const announcedBytes = (request: Request): number => Number(request.headers.get('content-length') ?? 0)
