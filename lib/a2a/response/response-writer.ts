// The caller's end of an exchange: where an answer is written to, as it comes. Doors make one from whatever their runtime
// answers with (functions/http/web-response-writer.ts, functions/node/response-writer.ts).
import type { HeaderRecord } from '../wire/headers.ts'

export type ResponseWriter = {
  /** Whether the head is out: from then on nothing can be said by a status any more. */
  readonly begun: boolean
  /** `flush`: send it now, although nothing is to be written yet. */
  head(status: number, headers: HeaderRecord, flush: boolean): void
  /** @returns false when the caller reads more slowly than this is written; `onDrain` is called when it has caught up */
  write(chunk: Uint8Array): boolean
  end(last?: Uint8Array): void
  /** Cuts the connection: what was written is not the whole, and must not look like it. */
  destroy(): void
  onDrain: (() => void) | undefined
  /** Called once when the caller hangs up before the end; at once when it has already. */
  onDisconnect: (() => void) | undefined
}

const encoder = new TextEncoder()

export const toBytes = (text: string): Uint8Array => encoder.encode(text)

/** A whole answer of ours. */
export function sendResponse(
  reply: ResponseWriter,
  status: number,
  headers: HeaderRecord,
  text: string,
): void {
  const body = toBytes(text)
  reply.head(status, { ...headers, 'content-length': String(body.length) }, false)
  reply.end(body)
}
