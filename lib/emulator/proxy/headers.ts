// The headers that the Fly Proxy adds to and removes from a request and its response (docs/facts/fly.md §7.5).

import type { IdleWatch } from './idle-timeout.ts'
import type { MachineRecord } from '../store/records.ts'

/** Headers of one connection, which are not forwarded. */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]

type Forwarding = {
  /** The Host header of the client, which is kept. */
  host: string
  record: MachineRecord
  /** The region where the request arrived. */
  edge: string
  /** The public port. */
  number: number
  idle: IdleWatch
}

/** The request as the guest receives it. */
export function forwardedRequest(request: Request, forwarding: Forwarding): Request {
  const { edge, host, idle, number, record } = forwarding
  const url = new URL(request.url)
  const headers = new Headers(request.headers)
  for (const name of HOP_BY_HOP) headers.delete(name)
  const client = request.headers.get('x-forwarded-for')?.split(',')[0]?.trim() ?? '127.0.0.1'
  headers.set('host', host)
  headers.set('fly-client-ip', client)
  headers.set('fly-region', edge)
  headers.set('fly-forwarded-port', String(number))
  headers.set(
    'x-forwarded-for',
    [request.headers.get('x-forwarded-for'), '66.241.124.1'].filter(Boolean).join(', '),
  )
  const isPlain = number === 80
  headers.set('x-forwarded-proto', isPlain ? 'http' : 'https')
  headers.set('x-forwarded-port', String(number))
  headers.set('x-forwarded-ssl', isPlain ? 'off' : 'on')
  headers.append('via', '2 fly.io')
  const preferred = request.headers.get('fly-prefer-instance-id')
  // The client preferred another machine.
  if (preferred !== null && preferred !== record.id)
    headers.set('fly-preferred-instance-unavailable', preferred)
  const init: RequestInit & { duplex?: 'half' } = {
    method: request.method,
    headers,
    redirect: 'manual',
    signal: idle.signal,
  }
  if (request.body !== null) {
    init.body = idle.touchedBy(request.body)
    init.duplex = 'half'
  }
  return new Request(`http://${host}${url.pathname}${url.search}`, init)
}

type ResponseOptions =
  | { pristine?: boolean | undefined; headers?: Record<string, unknown> | undefined }
  | undefined

/** The response as the client receives it, with Fly's headers unless the service has `pristine` set. */
export function returnedResponse(response: Response, requestId: string, options: ResponseOptions): Response {
  const headers = new Headers(response.headers)
  for (const name of HOP_BY_HOP) headers.delete(name)
  for (const [name, value] of Object.entries(options?.headers ?? {})) {
    if (value === false) headers.delete(name)
    else headers.set(name, String(value))
  }
  if (options?.pristine !== true) {
    headers.set('server', 'Fly/emulator')
    headers.append('via', '2 fly.io')
    headers.set('fly-request-id', requestId)
  }
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers })
}
