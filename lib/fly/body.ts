// Reads response bodies within limits of size and time. A request's timeout also covers its body, because an answer
// whose body never ends is no answer. Nothing else in this folder reads a body.

import { orAbort } from './abort.ts'

/** Well above a page of 1000 machines, well below a Worker's memory. */
const MAX_BODY_BYTES = 16 * 1024 * 1024
const MAX_SECONDARY_BYTES = 64 * 1024
const MAX_SECONDARY_MS = 2000

/**
 * The whole body as text.
 *
 * @throws {RangeError} when it is larger than 16 MiB; the signal's reason when that aborts; the stream's own error
 */
export async function readBody(response: Response, signal: AbortSignal): Promise<string> {
  const { text, whole } = await readUpTo(response, MAX_BODY_BYTES, signal)
  if (!whole) throw new RangeError('the body is larger than 16 MiB')
  return text
}

/**
 * The beginning of a body whose content is secondary: an error's text, or an acknowledgement. Reads at most 64 KiB
 * for two seconds; empty when it cannot be read. Never rejects, so a broken body cannot hide the status.
 */
export async function readSecondaryBody(response: Response, signal: AbortSignal): Promise<string> {
  try {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(MAX_SECONDARY_MS)])
    return (await readUpTo(response, MAX_SECONDARY_BYTES, limited)).text
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
    // Releases the connection when the rest is not read; no effect after the end.
    reader.cancel().catch(() => {})
  }
}
