// A2A on Node's own request and response, before the Hono app: most requests are A2A messages, and through web
// streams each would cost several times as much.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HeaderList } from '../../lib/a2a/wire/headers.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import type { Exposure } from '../http/authenticate.ts'
import { addressOf } from '../http/client-address.ts'
import { A2A, observeRequest } from '../http/observe-request.ts'
import { corsHeaders } from '../middleware/cors.ts'
import { createA2aHandler, matchA2a } from '../routes/a2a/handler.ts'
import type { Background } from './http-server.ts'
import { readBody } from './request-body.ts'
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
  const waitUntil = (work: Promise<unknown>) => background.waitUntil(work)

  return (incoming, outgoing) => {
    const { method = 'GET', url = '/' } = incoming
    // The app answers CORS preflights.
    if (method === 'OPTIONS') return false
    const queryAt = url.indexOf('?')
    const pathname = queryAt === -1 ? url : url.slice(0, queryAt)
    const path = matchA2a(pathname)
    if (path === undefined) return false
    const { headers } = incoming
    // What an object inherits is neither a text nor a list.
    const header = (name: string) => {
      const value: unknown = headers[name]
      return typeof value === 'string' ? value : Array.isArray(value) ? value.toString() : undefined
    }
    const extraHeaders = corsHeaders(config.corsOrigins, header('origin'))
    const requestId = crypto.randomUUID()
    const request = { method, path: pathname, requestId, traceparent: header('traceparent') }
    const answer = () =>
      handle({
        path,
        method,
        query: queryAt === -1 ? '' : url.slice(queryAt),
        headers: headersOf(incoming),
        requestId,
        header,
        address: () => addressOf(config, header, incoming.socket.remoteAddress),
        hostname: () => (incoming.headers.host ?? '').replace(/:\d+$/, ''),
        origin: () => `http://${incoming.headers.host ?? 'localhost'}`,
        readBody: (limits) => readBody(incoming, outgoing, limits),
        writer: new NodeResponseWriter(outgoing, extraHeaders),
        extraHeaders,
        waitUntil,
      })
    const outcomeOf = () => ({
      route: A2A,
      status: outgoing.headersSent ? outgoing.statusCode : CLIENT_CLOSED_REQUEST,
      workspaceId: path.workspaceId,
    })
    void observeRequest(services, request, answer, outcomeOf)
    return true
  }
}

/** Node's `headers` resolves duplicates; only `headersDistinct`, which takes as long again, has a header named `__proto__`. */
function headersOf(incoming: IncomingMessage): HeaderList {
  const { headers, rawHeaders } = incoming
  const list: HeaderList = []
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined) list.push(name, Array.isArray(value) ? value.join(', ') : value)
  }
  if (rawHeaders.some(isNamedProto)) list.push(PROTO, incoming.headersDistinct[PROTO]?.join(', ') ?? '')
  return list
}

const PROTO = '__proto__'

const isNamedProto = (text: string, at: number) =>
  at % 2 === 0 && text.length === PROTO.length && text.toLowerCase() === PROTO
