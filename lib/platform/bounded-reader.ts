// Reads bodies that other services send, up to a limit, so that no answer can fill the memory. Web standards only.
import { concatBytes } from './encoding.ts'

/** A body is longer than its limit. */
export class BodyTooLarge extends Error {
  override name = 'BodyTooLarge'

  constructor(maxBytes: number) {
    super(`the body is larger than ${maxBytes} bytes`)
  }
}

/**
 * Reads the body of a fetch response. fetch has decoded a compressed body; the limit counts decoded bytes. What is
 * over the limit is not read, and the connection is closed.
 * @throws BodyTooLarge
 */
export async function readBounded(
  { body, headers }: Pick<Response, 'body' | 'headers'>,
  maxBytes: number,
): Promise<Uint8Array> {
  if (body === null) return new Uint8Array()
  if (Number(headers.get('content-length') ?? 0) > maxBytes) {
    await body.cancel()
    throw new BodyTooLarge(maxBytes)
  }
  return readStream(body, maxBytes)
}

/** Reads the body of a fetch response as text. @throws BodyTooLarge */
export async function readBoundedText(
  response: Pick<Response, 'body' | 'headers'>,
  maxBytes: number,
): Promise<string> {
  return new TextDecoder().decode(await readBounded(response, maxBytes))
}

const FORMATS: Record<string, CompressionFormat> = {
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
}

/**
 * Decodes a body that a client without automatic decoding received.
 * @param encoding the `Content-Encoding`
 * @returns undefined for an encoding that cannot be decoded, and for a damaged body
 * @throws BodyTooLarge when the decoded body is longer than `maxBytes`
 */
export async function decodeBounded(
  bytes: Uint8Array,
  encoding: string | undefined,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  const name = encoding?.trim().toLowerCase() ?? ''
  if (name === '' || name === 'identity') return bytes
  if (!Object.hasOwn(FORMATS, name)) return undefined
  const decoder = new DecompressionStream(FORMATS[name] ?? 'gzip')
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(decoder)
  try {
    return await readStream(stream, maxBytes)
  } catch (error) {
    if (error instanceof BodyTooLarge) throw error
    return undefined
  }
}

async function readStream(stream: ReadableStream<Uint8Array>, maxBytes: number): Promise<Uint8Array> {
  const reader = stream.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return concatBytes(chunks, length)
    length += value.length
    if (length > maxBytes) {
      await reader.cancel().catch(() => {})
      throw new BodyTooLarge(maxBytes)
    }
    chunks.push(value)
  }
}
