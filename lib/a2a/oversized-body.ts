// A request body that is over the limit: it is read on without being kept, for its id, and so that the caller gets
// the refusal. Clients that write a whole request before they read lose an answer if the connection closes while they
// write.
import { pauseSlice, SliceCounter } from '../platform/slices.ts'
import type { Envelope } from './wire/json-rpc.ts'
import { EnvelopeFinder } from './wire/envelope-finder.ts'

/** What is over this size is not read, in bytes. */
export const MAX_DISCARDED_BYTES = 64 * 1024 * 1024

/** A caller that sends nothing for so long is answered although its id was not found yet. */
const SILENCE_MS = 1_000

/** How long the body is read on after the answer. */
const DISCARD_MS = 30_000

/** What is known of a body that was not kept. */
export type OversizedBody = { envelope: Envelope }

export const isOversized = (body: Uint8Array | OversizedBody | undefined): body is OversizedBody =>
  body !== undefined && 'envelope' in body

/**
 * Reads on until the id and the method are known, the body has ended, or the caller is silent. The rest is discarded in the background.
 * @param prefix what was read before
 * @param rest is closed when more than {@link MAX_DISCARDED_BYTES} arrive
 */
export async function readOversized(
  prefix: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): Promise<OversizedBody> {
  const finder = new EnvelopeFinder()
  for (const chunk of prefix) finder.append(chunk)
  const isKnown = Promise.withResolvers<void>()
  let silence: ReturnType<typeof setTimeout> | undefined
  const restartSilence = () => {
    clearTimeout(silence)
    silence = setTimeout(isKnown.resolve, SILENCE_MS)
  }
  restartSilence()
  void discard(rest, (chunk) => {
    if (finder.isComplete) return isKnown.resolve()
    finder.append(chunk)
    restartSilence()
  }).then(isKnown.resolve)
  if (!finder.isComplete) await isKnown.promise
  clearTimeout(silence)
  return { envelope: finder.envelope() }
}

/** Never rejects: a caller that disconnects ends it. */
async function discard(rest: AsyncIterator<Uint8Array>, onChunk: (chunk: Uint8Array) => void): Promise<void> {
  const close = () => void rest.return?.().catch(() => {})
  const timer = setTimeout(close, DISCARD_MS)
  try {
    const slices = new SliceCounter()
    for (let bytes = 0; bytes <= MAX_DISCARDED_BYTES;) {
      const next = await rest.next()
      if (next.done === true) return
      bytes += next.value.byteLength
      onChunk(next.value)
      if (slices.add(next.value.byteLength)) await pauseSlice()
    }
    close()
  } catch {
    // The caller disconnected.
  } finally {
    clearTimeout(timer)
  }
}
