// Where the events of a byte stream end, without parsing it.

/**
 * Follows a `text/event-stream` and knows whether the last byte ended an event: a blank line, in any of three line
 * endings.
 */
export class EventBoundary {
  /** The last four bytes, the newest in the lowest byte. A stream that has not begun is between two events. */
  #lastBytes = 0x0a0a

  append(chunk: Uint8Array): void {
    // Called for every chunk of every stream, so it allocates nothing.
    for (let at = Math.max(0, chunk.length - 4); at < chunk.length; at++) {
      this.#lastBytes = (this.#lastBytes << 8) | (chunk[at] ?? 0)
    }
  }

  /** Whether an event has begun and has not ended. */
  get isInsideEvent(): boolean {
    const two = this.#lastBytes & 0xffff
    return two !== 0x0a0a && two !== 0x0d0d && this.#lastBytes !== 0x0d0a0d0a
  }
}
