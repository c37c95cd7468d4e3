// Serves a fetch handler over node:http and sends its responses unchanged: no added content type or length, no merged headers.
// It stands in for servers of others, whose headers a test must control.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'
import type { NodeHandler } from '../../functions/node/http-server.ts'
import { ConnectionLost } from '../../lib/emulator/shared/connection-lost.ts'

/** Handles every request. If the handler rejects with {@link ConnectionLost}, the socket is closed and nothing is written. */
export const verbatimHandler =
  (handler: (request: Request) => Promise<Response>): NodeHandler =>
  (incoming, outgoing) => {
    void answer(handler, incoming, outgoing)
    return true
  }

async function answer(
  handler: (request: Request) => Promise<Response>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const left = new AbortController()
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) left.abort()
  })
  try {
    const response = await handler(toRequest(incoming, left.signal))
    outgoing.sendDate = false
    // Pairs rather than a record, because a name may occur more than once.
    outgoing.writeHead(response.status, response.statusText, [...response.headers].flat())
    outgoing.flushHeaders()
    if (response.body === null) outgoing.end()
    else await pipeline(Readable.fromWeb(response.body as NodeReadableStream), outgoing)
  } catch (error) {
    outgoing.destroy()
    if (!(error instanceof ConnectionLost) && !left.signal.aborted) console.log(error)
  }
}

function toRequest(incoming: IncomingMessage, signal: AbortSignal): Request {
  const { headers: named, method = 'GET', rawHeaders, url = '/' } = incoming
  const headers = new Headers()
  for (let at = 0; at < rawHeaders.length; at += 2)
    headers.append(rawHeaders[at] ?? '', rawHeaders[at + 1] ?? '')
  const hasBody = named['content-length'] !== undefined || named['transfer-encoding'] !== undefined
  return new Request(`http://${named.host ?? 'localhost'}${url}`, {
    method,
    headers,
    signal,
    ...(hasBody && method !== 'GET' && method !== 'HEAD'
      ? { body: Readable.toWeb(incoming) as ReadableStream, duplex: 'half' }
      : {}),
  })
}
