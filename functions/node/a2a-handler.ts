// A2A on Node's own request and response, before the Hono app: most requests are A2A messages, and through web
// streams each would cost several times as much.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { MAX_DISCARDED_BYTES, type OversizedBody, readOversized } from '../../lib/a2a/oversized-body.ts'
import { NO_ENVELOPE } from '../../lib/a2a/wire/json-rpc.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import type { Exposure } from '../http/authenticate.ts'
import { addressOf } from '../http/client-address.ts'
import { A2A, observeRequest } from '../http/observe-request.ts'
import { corsHeaders } from '../middleware/cors.ts'
import { createA2aHandler, matchA2a } from '../routes/a2a/handler.ts'
import type { Background } from './http-server.ts'
import { NodeResponseWriter } from './response-writer.ts'

/** @returns false, and leaves the request untouched, when it is not for A2A */
export type NodeA2aHandler = (incoming: IncomingMessage, outgoing: ServerResponse) => boolean

/** The status that is logged when the client closed the connection before a response (nginx's 499). */
const CLIENT_CLOSED_REQUEST = 499

export function createNodeA2aHandler(
  services: Services,
  exposure: Exposure,
  background: Background,
): NodeA2aHandler {
  const handle = createA2aHandler(services, exposure)
  const { config } = services

  return (incoming, outgoing) => {
    const { method = 'GET', url = '/' } = incoming
    // The app answers CORS preflights.
    if (method === 'OPTIONS') return false
    const queryAt = url.indexOf('?')
    const pathname = queryAt === -1 ? url : url.slice(0, queryAt)
    const path = matchA2a(pathname)
    if (path === undefined) return false
    const header = (name: string) =>
      Object.hasOwn(incoming.headers, name) ? incoming.headers[name]?.toString() : undefined
    const extraHeaders = corsHeaders(config.corsOrigins, header('origin'))
    const requestId = crypto.randomUUID()
    const request = { method, path: pathname, requestId, traceparent: header('traceparent') }
    void observeRequest(services, request, async () => {
      await handle({
        path,
        method,
        query: queryAt === -1 ? '' : url.slice(queryAt),
        headers: pairsOf(incoming),
        requestId,
        header,
        address: () => addressOf(config, header, incoming.socket.remoteAddress),
        hostname: () => (incoming.headers.host ?? '').replace(/:\d+$/, ''),
        origin: () => `http://${incoming.headers.host ?? 'localhost'}`,
        readBody: (maxBytes) => readBody(incoming, outgoing, maxBytes),
        writer: new NodeResponseWriter(outgoing, extraHeaders),
        extraHeaders,
        waitUntil: (work) => background.waitUntil(work),
      })
      const status = outgoing.headersSent ? outgoing.statusCode : CLIENT_CLOSED_REQUEST
      return { route: A2A, status, workspaceId: path.workspaceId }
    })
    return true
  }
}

/** Node's `headers` resolves duplicates; only `headersDistinct` has a header named `__proto__`. */
function pairsOf({ headers, headersDistinct }: IncomingMessage): [string, string][] {
  const pairs: [string, string][] = []
  for (const name in headersDistinct) {
    const value = Object.hasOwn(headers, name) ? headers[name] : headersDistinct[name]
    if (value !== undefined) pairs.push([name, Array.isArray(value) ? value.join(', ') : value])
  }
  return pairs
}

function readBody(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  maxBytes: number,
): Promise<Uint8Array | OversizedBody> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const refuse = () => {
      incoming.removeAllListeners('data')
      incoming.removeAllListeners('end')
      if (declared > MAX_DISCARDED_BYTES) {
        // The rest of the body is not read, so the connection closes after the response.
        incoming.pause()
        outgoing.setHeader('connection', 'close')
        return resolve({ envelope: NO_ENVELOPE })
      }
      const rest: AsyncIterator<Buffer> = incoming[Symbol.asyncIterator]()
      resolve(readOversized(chunks, rest))
    }
    const declared = Number(incoming.headers['content-length'] ?? 0)
    if (declared > maxBytes) return refuse()
    incoming.on('data', (chunk: Buffer) => {
      length += chunk.length
      chunks.push(chunk)
      if (length > maxBytes) refuse()
    })
    incoming.on('end', () => {
      const [only] = chunks
      resolve(only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks, length))
    })
    incoming.on('error', reject)
    incoming.on('close', () => {
      // `close` follows every request. An error, with its stack, is created only for a truncated one.
      if (!incoming.readableEnded) reject(new Error('the client closed the connection within its request'))
    })
  })
}
