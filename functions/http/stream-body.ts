// A response whose body is read when the client reads it, so that a slow client occupies no memory.
import { withLength } from './web-response-writer.ts'

/** A generator that fails breaks the connection off, which a client recognises by the length. */
export function streamOf(
  chunks: AsyncGenerator<Uint8Array, undefined>,
  length: number,
  status: number,
  headers: Record<string, string>,
): Response {
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await chunks.next()
        if (done === true) controller.close()
        else controller.enqueue(value)
      },
      async cancel() {
        await chunks.return(undefined)
      },
    },
    { highWaterMark: 0 },
  )
  return new Response(withLength(body, length), {
    status,
    headers: { ...headers, 'content-length': String(length) },
  })
}
