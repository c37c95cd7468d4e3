// Bounds how much undici reads and parses at once. A socket that never runs dry is read in slices, between which other requests
// continue. When the headers or trailers of an answer are too large, undici closes the connection but parses the rest of what it
// has read, and creates an error for every further header. Their stacks would take 0.2 s of CPU for 64 KB of short headers.
import type { Socket } from 'node:net'
import { buildConnector, errors } from 'undici'
import { pauseSlice, SliceCounter } from '../../lib/platform/slices.ts'

/** Bytes that are parsed without a pause after the connection is closed, at most. */
const MAX_SLICE = 4 * 1024

/** @returns a connector for an undici dispatcher, over HTTP/1.1 */
export function createBoundedConnector(timeoutMs: number): buildConnector.connector {
  const connect = buildConnector({ timeout: timeoutMs, allowH2: false })
  return (options, callback) =>
    connect(options, (...[error, socket]: buildConnector.CallbackArgs) => {
      if (error !== null) callback(error, null)
      else callback(null, readInSlices(socket))
    })
}

function readInSlices<Connection extends Socket>(socket: Connection): Connection {
  const read = socket.read.bind(socket) as (size?: number) => Buffer | null
  const slices = new SliceCounter()
  let isPaused = false
  const resume = () => {
    isPaused = false
    // Undici reads on at this event.
    socket.emit('readable')
  }
  const destroy = socket.destroy.bind(socket)
  return Object.assign(socket, {
    destroy(error?: Error): Connection {
      if (error instanceof errors.HeadersOverflowError) omitStacks()
      return destroy(error)
    },
    read(size?: number): unknown {
      if (socket.destroyed || isPaused) return null
      const chunk = read(size ?? (socket.readableLength > MAX_SLICE ? MAX_SLICE : undefined))
      if (chunk !== null && slices.add(chunk.length)) {
        isPaused = true
        void pauseSlice().then(resume)
      }
      return chunk
    },
  })
}

/** Errors that are created until the parser returns have no stack. */
function omitStacks(): void {
  const before = Error.stackTraceLimit
  if (before === 0) return
  Error.stackTraceLimit = 0
  queueMicrotask(() => (Error.stackTraceLimit = before))
}
