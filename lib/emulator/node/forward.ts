// Sends a request to a real HTTP server on a loopback port and streams the response back. This is how the emulator
// reaches a port of a guest that runs in another process.

import { request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { Readable, pipeline } from 'node:stream'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'
import { ConnectionRefused } from '../guests/host.ts'

/** Headers of the connection and not of the message (RFC 9110 §7.6.1). */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

function isEndToEnd(name: string, connection: string | null | undefined): boolean {
  if (HOP_BY_HOP.has(name.toLowerCase())) return false
  return !connection?.split(',').some((named) => named.trim().toLowerCase() === name.toLowerCase())
}

/**
 * Sends HTTP to a guest's loopback port. It uses `node:http`, because `fetch` would decompress responses under their
 * old headers, request compression by itself, and time out after five silent minutes. Each request has its own
 * connection, so that a stale connection is never mistaken for a refused one. Rejects with {@link ConnectionRefused}
 * only when nothing was delivered, and with an AbortError when the request's signal aborts.
 */
export function forwardToPort(port: number, request: Request): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>()
  const { host, pathname, search } = new URL(request.url)
  const outgoing = httpRequest({
    host: '127.0.0.1',
    port,
    method: request.method,
    path: pathname + search,
    agent: false,
    signal: request.signal,
  })
  const connection = request.headers.get('connection')
  outgoing.setHeader('host', host)
  for (const [name, value] of request.headers) {
    if (isEndToEnd(name, connection) && name !== 'content-length') outgoing.setHeader(name, value)
  }
  outgoing.once('response', (incoming) => resolve(toResponse(incoming, request.method)))
  outgoing.on('error', (error: NodeJS.ErrnoException) => {
    reject(error.code === 'ECONNREFUSED' ? new ConnectionRefused(error.message) : error)
  })
  if (request.body === null) {
    outgoing.end()
  } else {
    const length = request.headers.get('content-length')
    if (length === null) outgoing.setHeader('transfer-encoding', 'chunked')
    else outgoing.setHeader('content-length', length)
    // A failure of either side destroys `outgoing`, and its 'error' event reports it.
    pipeline(Readable.fromWeb(request.body as NodeReadableStream), outgoing, () => {})
  }
  return promise
}

function toResponse(incoming: IncomingMessage, method: string): Response {
  const { statusCode: status = 502, statusMessage: statusText = '', rawHeaders } = incoming
  const headers = new Headers()
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2)
    if (isEndToEnd(name, incoming.headers.connection)) headers.append(name, value)
  }
  const isEmpty = method === 'HEAD' || [204, 205, 304].includes(status)
  if (isEmpty) incoming.resume()
  const body = isEmpty ? null : (Readable.toWeb(incoming) as ReadableStream<Uint8Array>)
  return new Response(body, { status, statusText, headers })
}
