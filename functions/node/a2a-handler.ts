// A2A on Node's own request and response, before the Hono app: most requests are A2A messages, and through web
// streams each would cost several times as much.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { BodyCollector, type BodyLimits } from '../../lib/a2a/body-collector.ts'
import { MAX_DISCARDED_BYTES, type OversizedBody, readOversized } from '../../lib/a2a/oversized-body.ts'
import type { HeaderList } from '../../lib/a2a/wire/headers.ts'
import { NO_ENVELOPE } from '../../lib/a2a/wire/json-rpc.ts'
import { pauseSlice, SliceCounter } from '../../lib/platform/slices.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import type { Exposure } from '../http/authenticate.ts'
import { addressOf } from '../http/client-address.ts'
import { A2A, observeRequest } from '../http/observe-request.ts'
import { corsHeaders } from '../middleware/cors.ts'
import { cutOff, RequestCutOff } from '../routes/a2a/exchange.ts'
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
  const waitUntil = (work: Promise<unknown>) => background.waitUntil(work)

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

function readBody(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  limits: BodyLimits,
): Promise<Uint8Array | OversizedBody> {
  return new Promise((resolve, reject) => {
    // An error, with its stack, is created only for a truncated request.
    const fail = (cause?: unknown) => reject(new RequestCutOff(cause))
    if (incoming.destroyed) return fail()
    const declared = Number(incoming.headers['content-length'] ?? 0)
    const collector = new BodyCollector(declared, limits)
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
      resolve(readOversized(collector.chunks, rest).catch(cutOff))
    }
    if (collector.isRefused) return refuse()
    const slices = new SliceCounter()
    incoming.on('data', (chunk: Buffer) => {
      collector.append(chunk)
      if (collector.isRefused) return refuse()
      if (!slices.add(chunk.length)) return
      incoming.pause()
      void pauseSlice().then(() => incoming.resume())
    })
    incoming.on('end', () => {
      // An open stream would keep the listeners, with the body.
      incoming.removeAllListeners()
      resolve(collector.body())
    })
    incoming.on('error', fail)
    incoming.on('close', fail)
  })
}
