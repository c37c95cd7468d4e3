// An event stream that begins before its agent is there: comments while the workspace wakes up, so that nobody on the way
// gives up, then whatever the agent says. Its status is lost by this, so it is done only for callers who asked for a stream
// and would else wait in silence (a2a.md §3.10).
import { type ResponseWriter, toBytes } from './response-writer.ts'

/** Between two comments, in milliseconds. */
const COMMENT_EVERY_MS = 10_000

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

/**
 * Begins the stream on the caller's reply.
 * @returns the reply to go on with: an event stream passes through it, any other answer is wrapped into one event
 */
export function beginKeepaliveStream(reply: ResponseWriter): ResponseWriter {
  reply.head(200, HEADERS, true)
  const comment = () => void reply.write(toBytes(': waiting for the workspace\n\n'))
  comment()
  const timer = setInterval(comment, COMMENT_EVERY_MS)
  const quiet = () => clearInterval(timer)
  /** Parts of an answer that is no event stream. */
  let parts: string[] | undefined
  const decoder = new TextDecoder()
  return {
    begun: false,
    head(_status, answered) {
      quiet()
      const type = [answered['content-type'] ?? ''].flat().join()
      if (!type.toLowerCase().startsWith('text/event-stream')) parts = []
    },
    write(chunk) {
      quiet()
      if (parts === undefined) return reply.write(chunk)
      parts.push(decoder.decode(chunk, { stream: true }))
      return true
    },
    end(last) {
      quiet()
      if (parts === undefined) return reply.end(last)
      if (last !== undefined) parts.push(decoder.decode(last, { stream: true }))
      const lines = parts.join('').split(/\r\n|\r|\n/)
      reply.end(toBytes(`${lines.map((line) => `data: ${line}\n`).join('')}\n`))
    },
    destroy() {
      quiet()
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
              quiet()
              listener()
            }
    },
    get onDisconnect() {
      return reply.onDisconnect
    },
  }
}
