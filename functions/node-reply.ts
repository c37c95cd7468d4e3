// The caller's end as Node has it: what an agent says is written to the socket as it comes.
import type { ServerResponse } from 'node:http'
import type { Reply } from '../lib/a2a/reply.ts'

/** @param own headers of ours, which every answer gets */
export function createNodeReply(outgoing: ServerResponse, own: Record<string, string>): Reply {
  let gone: (() => void) | undefined
  outgoing.on('close', () => {
    if (!outgoing.writableFinished) gone?.()
  })
  const reply: Reply = {
    get begun() {
      return outgoing.headersSent
    },
    onDrain: undefined,
    get onGone() {
      return gone
    },
    set onGone(listener) {
      gone = listener
      if (listener !== undefined && outgoing.destroyed) listener()
    },
    head(status, headers, flush) {
      outgoing.writeHead(status, Object.assign(headers, own))
      if (flush) outgoing.flushHeaders()
    },
    write(chunk) {
      if (outgoing.destroyed || outgoing.write(chunk)) return true
      outgoing.once('drain', () => reply.onDrain?.())
      return false
    },
    end(last) {
      if (last === undefined) outgoing.end()
      else outgoing.end(last)
    },
    cut: () => void outgoing.destroy(),
  }
  return reply
}
