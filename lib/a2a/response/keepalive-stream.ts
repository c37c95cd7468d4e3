// An event stream that starts before its agent is reachable: SSE comments while the workspace wakes up, so that no
// intermediary closes the connection, then the agent's answer. The agent's status is lost by this, so it is done only
// for callers that asked for a stream (docs/facts/a2a.md §3.10).
import { type ResponseWriter, toBytes } from './response-writer.ts'

/** Time between two comments, in milliseconds. */
const COMMENT_INTERVAL_MS = 10_000

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

/**
 * Starts the stream on the caller's response.
 * @returns the writer to continue with: an event stream passes through it, any other answer is wrapped into one event
 */
export function beginKeepaliveStream(reply: ResponseWriter): ResponseWriter {
  reply.head(200, HEADERS, true)
  const comment = () => void reply.write(toBytes(': waiting for the workspace\n\n'))
  comment()
  const timer = setInterval(comment, COMMENT_INTERVAL_MS)
  const stopComments = () => clearInterval(timer)
  /** Parts of an answer that is not an event stream. */
  let parts: string[] | undefined
  const decoder = new TextDecoder()
  return {
    begun: false,
    head(_status, answered) {
      stopComments()
      const type = [answered['content-type'] ?? ''].flat().join()
      if (!type.toLowerCase().startsWith('text/event-stream')) parts = []
    },
    write(chunk) {
      stopComments()
      if (parts === undefined) return reply.write(chunk)
      parts.push(decoder.decode(chunk, { stream: true }))
      return true
    },
    end(last) {
      stopComments()
      if (parts === undefined) return reply.end(last)
      if (last !== undefined) parts.push(decoder.decode(last, { stream: true }))
      const lines = parts.join('').split(/\r\n|\r|\n/)
      reply.end(toBytes(`${lines.map((line) => `data: ${line}\n`).join('')}\n`))
    },
    destroy() {
      stopComments()
      reply.destroy()
    },
    set onDrain(listener) {
      reply.onDrain = listener
    },
    get onDrain() {
      return reply.onDrain
    },
    set onDisconnect(listener) {
      reply.onDisconnect =
        listener === undefined
          ? undefined
          : () => {
              stopComments()
              listener()
            }
    },
    get onDisconnect() {
      return reply.onDisconnect
    },
  }
}
