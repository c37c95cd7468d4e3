// The A2A door on Node's own request and response, beside the app that serves everything else: messages are most of what
// comes, and through web streams each would cost several times as much.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Services } from '../../lib/control-plane/services.ts'
import { addressOf } from '../http/client-address.ts'
import { createA2aHandler, matchA2a } from '../routes/a2a/handler.ts'
import { A2A, countRequest, finishSpan } from '../http/observe-request.ts'
import type { Exposure } from '../http/authenticate.ts'
import type { Background } from './http-server.ts'
import { createNodeResponseWriter } from './response-writer.ts'

/** @returns false for a request that is not for A2A, and untouched */
export type NodeA2a = (incoming: IncomingMessage, outgoing: ServerResponse) => boolean

export function createNodeA2aHandler(
  services: Services,
  openness: Exposure,
  background: Background,
): NodeA2a {
  const door = createA2aHandler(services, openness)

  return (incoming, outgoing) => {
    const { method = 'GET', url = '/' } = incoming
    // A browser that asks whether it may come is answered by the app.
    if (method === 'OPTIONS') return false
    const at = url.indexOf('?')
    const pathname = at === -1 ? url : url.slice(0, at)
    const path = matchA2a(pathname)
    if (path === undefined) return false
    const own: Record<string, string> = {}
    const requestId = crypto.randomUUID()
    const started = performance.now()
    const parent = incoming.headers['traceparent']?.toString()
    const attributes = { 'http.request.method': method, 'molecule.request_id': requestId }
    void services.tracer.span(A2A, { kind: 'server', parent, attributes }, (span) => {
      outgoing.on('finish', () => {
        const seconds = (performance.now() - started) / 1000
        countRequest(services.metrics, A2A, outgoing.statusCode, seconds)
        services.log('info', 'request', {
          request_id: requestId,
          method,
          path: pathname,
          status: outgoing.statusCode,
          ms: Math.round(seconds * 1000),
          workspace_id: path.workspaceId,
          traceparent: span.traceparent ?? parent,
        })
      })
      return door({
        path,
        method,
        query: at === -1 ? '' : url.slice(at),
        headers: pairsOf(incoming),
        requestId,
        header: (name) => incoming.headers[name]?.toString(),
        address: () =>
          addressOf(
            services.config.trustedProxy,
            (name) => incoming.headers[name]?.toString(),
            incoming.socket.remoteAddress,
          ),
        hostname: () => (incoming.headers.host ?? '').replace(/:\d+$/, ''),
        origin: () => `http://${incoming.headers.host ?? 'localhost'}`,
        readBody: (maxBytes) => readBody(incoming, outgoing, maxBytes),
        reply: createNodeResponseWriter(outgoing, own),
        own,
        waitUntil: (work) => background.waitUntil(work),
      }).finally(() => finishSpan(span, A2A, outgoing.statusCode, path.workspaceId))
    })
    return true
  }
}

function pairsOf({ headers }: IncomingMessage): [string, string][] {
  const pairs: [string, string][] = []
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined) pairs.push([name, Array.isArray(value) ? value.join(', ') : value])
  }
  return pairs
}

function readBody(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  maxBytes: number,
): Promise<Uint8Array | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    const refuse = () => {
      // What is still on its way is not read: the connection ends with the answer.
      incoming.pause()
      outgoing.setHeader('connection', 'close')
      resolve(undefined)
    }
    if (Number(incoming.headers['content-length'] ?? 0) > maxBytes) return refuse()
    incoming.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length > maxBytes) {
        incoming.removeAllListeners('data')
        return refuse()
      }
      chunks.push(chunk)
    })
    incoming.on('end', () => resolve(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, length)))
    incoming.on('error', reject)
    incoming.on('close', () => {
      // It comes after every message; an error, with its stack, is made for the broken ones alone.
      if (!incoming.readableEnded) reject(new Error('the caller left in the middle of its message'))
    })
  })
}
