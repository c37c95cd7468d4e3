// Accepts a WebSocket on Workers. An open one keeps the invocation alive.
import type { AcceptSocket } from '../http/live-socket.ts'

type ServerSocket = {
  accept(): void
  send(text: string): void
  close(code: number, reason: string): void
  addEventListener(type: 'close' | 'error', listener: () => void): void
}

declare const WebSocketPair: new () => { 0: unknown; 1: ServerSocket }

export const acceptSocket: AcceptSocket = (c, serve) => {
  const { 0: client, 1: server } = new WebSocketPair()
  const closed = new AbortController()
  server.addEventListener('close', () => closed.abort())
  server.addEventListener('error', () => closed.abort())
  server.accept()
  const served = serve({
    closed: closed.signal,
    drained: () => Promise.resolve(),
    send: (text) => {
      if (!closed.signal.aborted) server.send(text)
    },
    close(code, reason) {
      if (!closed.signal.aborted) server.close(code, reason)
    },
  })
  c.executionCtx.waitUntil(served)
  return new Response(null, { status: 101, webSocket: client } as ResponseInit)
}
