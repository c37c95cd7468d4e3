// The caller's end as Node has it: what an agent says is written to the socket as it comes. An agent's events arrive many to a
// read of its socket; those are written as one, because every write of a chunk costs Node four buffers.
import type { ServerResponse } from 'node:http'
import type { ResponseWriter } from '../../lib/a2a/response/response-writer.ts'

/** @param own headers of ours, which every answer gets */
export function createNodeResponseWriter(
  outgoing: ServerResponse,
  own: Record<string, string>,
): ResponseWriter {
  let gone: (() => void) | undefined
  outgoing.on('close', () => {
    if (!outgoing.writableFinished) gone?.()
  })
  /** Came in this turn of the event loop. */
  let gathered: Uint8Array[] = []
  let gatheredBytes = 0
  /** The agent was told to wait, and not yet called on again. */
  let waits = false

  function flush(): void {
    if (gatheredBytes === 0) return
    const bytes = gathered.length === 1 ? gathered[0] : Buffer.concat(gathered, gatheredBytes)
    gathered = []
    gatheredBytes = 0
    if (!outgoing.destroyed) outgoing.write(bytes)
  }

  function flushInTurn(): void {
    flush()
    if (waits && !outgoing.writableNeedDrain) goOn()
  }

  function goOn(): void {
    waits = false
    reply.onDrain?.()
  }
  outgoing.on('drain', goOn)

  const reply: ResponseWriter = {
    get begun() {
      return outgoing.headersSent
    },
    onDrain: undefined,
    get onDisconnect() {
      return gone
    },
    set onDisconnect(listener) {
      gone = listener
      if (listener !== undefined && outgoing.destroyed) listener()
    },
    head(status, headers, flush) {
      outgoing.writeHead(status, Object.assign(headers, own))
      if (flush) outgoing.flushHeaders()
    },
    write(chunk) {
      if (outgoing.destroyed) return true
      if (gathered.length === 0) process.nextTick(flushInTurn)
      gathered.push(chunk)
      gatheredBytes += chunk.length
      waits ||= gatheredBytes + outgoing.writableLength >= outgoing.writableHighWaterMark
      return !waits
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
  return reply
}
