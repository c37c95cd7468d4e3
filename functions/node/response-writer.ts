// Writes a response to Node's ServerResponse as the agent sends it. One read of the agent's socket often holds many
// events; they are written as one chunk, because Node allocates four buffers for each.
import type { ServerResponse } from 'node:http'
import type { ResponseWriter } from '../../lib/a2a/response/response-writer.ts'

/** @param extraHeaders added to every response */
export function createNodeResponseWriter(
  outgoing: ServerResponse,
  extraHeaders: Record<string, string>,
): ResponseWriter {
  let onDisconnect: (() => void) | undefined
  outgoing.on('close', () => {
    if (!outgoing.writableFinished) onDisconnect?.()
  })
  /** Chunks of this turn of the event loop. */
  let gathered: Uint8Array[] = []
  let gatheredBytes = 0
  let isPaused = false

  function flush(): void {
    if (gatheredBytes === 0) return
    const bytes = gathered.length === 1 ? gathered[0] : Buffer.concat(gathered, gatheredBytes)
    gathered = []
    gatheredBytes = 0
    if (!outgoing.destroyed) outgoing.write(bytes)
  }

  function flushGathered(): void {
    flush()
    if (isPaused && !outgoing.writableNeedDrain) resume()
  }

  function resume(): void {
    isPaused = false
    writer.onDrain?.()
  }
  outgoing.on('drain', resume)

  const writer: ResponseWriter = {
    get begun() {
      return outgoing.headersSent
    },
    onDrain: undefined,
    get onDisconnect() {
      return onDisconnect
    },
    set onDisconnect(listener) {
      onDisconnect = listener
      if (listener !== undefined && outgoing.destroyed) listener()
    },
    head(status, headers, flush) {
      outgoing.writeHead(status, Object.assign(headers, extraHeaders))
      if (flush) outgoing.flushHeaders()
    },
    write(chunk) {
      if (outgoing.destroyed) return true
      if (gathered.length === 0) process.nextTick(flushGathered)
      gathered.push(chunk)
      gatheredBytes += chunk.length
      isPaused ||= gatheredBytes + outgoing.writableLength >= outgoing.writableHighWaterMark
      return !isPaused
    },
    end(last) {
      flush()
      if (last === undefined) outgoing.end()
      else outgoing.end(last)
    },
    destroy() {
      flush()
      outgoing.destroy()
    },
  }
  return writer
}
