// The caller's side of an exchange: where an answer is written as it comes. Each runtime makes its own
// (functions/http/web-response-writer.ts, functions/node/response-writer.ts).
import type { HeaderRecord } from '../wire/headers.ts'

export type ResponseWriter = {
  /** Whether the head has been written. The status cannot change after that. */
  readonly begun: boolean
  /** @param flush send the head now, although no body follows yet */
  head(status: number, headers: HeaderRecord, flush: boolean): void
  /**
   * @returns false when the caller reads more slowly than this is written; `onDrain` is called when it has caught up
   */
  write(chunk: Uint8Array): boolean
  end(last?: Uint8Array): void
  /** Cuts the connection, so that a caller does not take a part of an answer for the whole. */
  destroy(): void
  onDrain: (() => void) | undefined
  /** Called once when the caller disconnects before the end; at once when it already has. */
  onDisconnect: (() => void) | undefined
}

const encoder = new TextEncoder()

export const toBytes = (text: string): Uint8Array => encoder.encode(text)

/** Writes a complete answer of the proxy's own. */
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
