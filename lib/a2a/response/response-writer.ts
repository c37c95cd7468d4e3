// The caller's side of an exchange: where an answer is written as it comes. Each runtime makes its own
// (functions/http/web-response-writer.ts, functions/node/response-writer.ts).
import type { HeaderList } from '../wire/headers.ts'

/** Learns what happens to the caller while an answer is written. */
export type ResponseListener = {
  /** The caller has caught up, after a `write` that returned false. */
  onDrain(): void
  /** The caller disconnected before the end. */
  onDisconnect(): void
}

/**
 * Writers of each runtime are classes: V8 makes a hidden class of its own for each object literal with accessors, and with it
 * every request would outlive the collection of young garbage.
 */
export type ResponseWriter = {
  /** Whether the head has been written. The status cannot change after that. */
  readonly begun: boolean
  /** @param flush send the head now, although no body follows yet */
  head(status: number, headers: HeaderList, flush: boolean): void
  /** @returns false when the caller reads more slowly than this is written */
  write(chunk: Uint8Array): boolean
  end(last?: Uint8Array): void
  /** Cuts the connection, so that a caller does not take a part of an answer for the whole. */
  destroy(): void
  /** Replaces the listener. If the caller has disconnected already, the new one is told at once. */
  listen(listener: ResponseListener | undefined): void
}

/** @returns a signal that aborts when the caller disconnects, as long as nobody else listens */
export function disconnectSignal(writer: ResponseWriter): AbortSignal {
  const disconnected = new AbortController()
  writer.listen({ onDrain() {}, onDisconnect: () => disconnected.abort() })
  return disconnected.signal
}

const encoder = new TextEncoder()

export const toBytes = (text: string): Uint8Array => encoder.encode(text)

/** Writes a complete answer of the proxy's own. */
export function sendResponse(
  reply: ResponseWriter,
  status: number,
  headers: Record<string, string>,
  text: string,
): void {
  const body = toBytes(text)
  reply.head(status, [...Object.entries(headers).flat(), 'content-length', String(body.length)], false)
  reply.end(body)
}
