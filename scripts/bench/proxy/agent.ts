// The agent behind every proxy: a fixed message for a unary request, the same event repeatedly for a streaming one. It
// implements HTTP itself, because node:http needs more time for a message than nginx, and would dominate the figures.
import { createServer, type Socket } from 'node:net'
import { announce } from './announce.ts'
import { HttpReader } from './http-reader.ts'
import { CARD, EVENT, isStreaming, MESSAGE, type StreamPlan, streamPlanOf } from './messages.ts'

const CARD_ANSWER = jsonAnswer(CARD)
const MESSAGE_ANSWER = jsonAnswer(MESSAGE)
const STREAM_HEAD = head('text/event-stream', 'Cache-Control: no-cache\r\nTransfer-Encoding: chunked')
const EVENT_CHUNK = Buffer.concat([
  Buffer.from(`${EVENT.length.toString(16)}\r\n`),
  EVENT,
  Buffer.from('\r\n'),
])
const STREAM_START = Buffer.concat([STREAM_HEAD, EVENT_CHUNK])
const STREAM_END = Buffer.from('0\r\n\r\n')

const server = createServer({ noDelay: true }, (socket) => {
  let isGet = false
  let body = ''
  const reader = new HttpReader({
    head(text) {
      isGet = text.startsWith('GET ')
      body = ''
    },
    piece(data, from, to) {
      body += data.toString('latin1', from, to)
    },
    end() {
      if (isGet) socket.write(CARD_ANSWER)
      else if (isStreaming(body)) stream(socket, streamPlanOf(body))
      else socket.write(MESSAGE_ANSWER)
    },
  })
  socket.on('data', (bytes) => reader.read(bytes))
  // A proxy may close the connection at any time.
  socket.on('error', () => socket.destroy())
})
announce(server.listen(0, '127.0.0.1'))

function stream(socket: Socket, { events, pauseMs, idle }: StreamPlan): void {
  socket.write(STREAM_START)
  if (idle === true) return
  if (pauseMs === undefined) writeEvents(socket, events)
  else setTimeout(() => writeEvents(socket, events), pauseMs)
}

/** Writes events, each as a chunk, as fast as the connection accepts them. */
function writeEvents(socket: Socket, events: number): void {
  socket.cork()
  let left = events
  while (left > 0) {
    left--
    if (!socket.write(EVENT_CHUNK)) break
  }
  if (left > 0) socket.once('drain', () => writeEvents(socket, left))
  else socket.write(STREAM_END)
  socket.uncork()
}

function jsonAnswer(body: Buffer): Buffer {
  return Buffer.concat([head('application/json', `Content-Length: ${body.length}`), body])
}

function head(type: string, more: string): Buffer {
  return Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\n${more}\r\n\r\n`)
}
