// Reads the body of an A2A request from a web `Request`. Of a body over the limit it keeps only what its refusal needs.
import { type OversizedBody, readOversized } from '../../lib/a2a/oversized-body.ts'
import { concatBytes } from '../../lib/platform/encoding.ts'

/** @returns the bytes, or what is known of a body of more than `maxBytes` */
export async function readA2aBody(request: Request, maxBytes: number): Promise<Uint8Array | OversizedBody> {
  if (request.body === null) return new Uint8Array()
  const chunks: Uint8Array[] = []
  let length = 0
  const iterator = (request.body as unknown as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) return readOversized(chunks, iterator)
  for (;;) {
    const next = await iterator.next()
    if (next.done === true) return concatBytes(chunks, length)
    chunks.push(next.value)
    length += next.value.byteLength
    if (length > maxBytes) return readOversized(chunks, iterator)
  }
}
