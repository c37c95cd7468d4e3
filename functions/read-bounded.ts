// Reads a request body as text without ever holding more of it than is allowed.

/** @returns the text, or undefined when it is longer than `maxBytes` */
export async function readBounded(request: Request, maxBytes: number): Promise<string | undefined> {
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) return undefined
  if (request.body === null) return ''
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
    length += chunk.byteLength
    if (length > maxBytes) return undefined
    chunks.push(chunk)
  }
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
    await new Blob(chunks as BlobPart[]).arrayBuffer(),
  )
}
