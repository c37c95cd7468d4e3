// Reads a response body within bounds of size and time. The time-out of a request has to hold for its body too: an
// answer whose headers arrive and whose body never ends is as bad as none.

import { orAbort } from './abort.ts'

/** Far above a page of 1000 machines, far below what a Worker can hold. */
const MAX_BODY_BYTES = 16 * 1024 * 1024
const MAX_SCRAP_BYTES = 64 * 1024
const MAX_SCRAP_MS = 2000

/**
 * The whole body as text.
 *
 * @throws {RangeError} when it is larger than 16 MiB; the signal's reason when that aborts; whatever the stream fails with.
 */
export async function readBody(response: Response, signal: AbortSignal): Promise<string> {
  const { text, whole } = await readUpTo(response, MAX_BODY_BYTES, signal)
  if (!whole) throw new RangeError('the body is larger than 16 MiB')
  return text
}

/**
 * As much of a body as is worth having when its content is secondary: an error's text, or an acknowledgement. At most
 * 64 KiB and two seconds; empty when it cannot be read. Never rejects, so that a broken body cannot hide its status.
 */
export async function readScrap(response: Response, signal: AbortSignal): Promise<string> {
  try {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(MAX_SCRAP_MS)])
    return (await readUpTo(response, MAX_SCRAP_BYTES, patience)).text
  } catch {
    return ''
  }
}

async function readUpTo(
  response: Response,
  maxBytes: number,
  signal: AbortSignal,
): Promise<{ text: string; whole: boolean }> {
  if (response.body === null) return { text: '', whole: true }
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const decoder = new TextDecoder()
  let text = ''
  let left = maxBytes
  try {
    for (;;) {
      const { done, value } = await orAbort(reader.read(), signal)
      if (done) return { text: text + decoder.decode(), whole: true }
      text += decoder.decode(value.subarray(0, left), { stream: true })
      left -= value.byteLength
      if (left < 0) return { text, whole: false }
    }
  } finally {
    // Gives the connection back when the rest is not wanted; after the end it does nothing.
    reader.cancel().catch(() => {})
  }
}
