// Two ways to reach an agent: directly at its socket, and through the control plane. Both have the same interface.
import type { ConformanceAgent } from '../agents/conformance-agent.ts'
import { type Answer, call, open, type OpenAnswer, type Sent } from './raw-http.ts'

export type Target = {
  kind: 'direct' | 'proxied'
  agent: ConformanceAgent
  origin: string
  /** JSON-RPC is posted to `jsonRpc`; paths of HTTP+JSON are appended to `rest`. */
  paths: { jsonRpc: string; rest: string }
  /** Headers that every request to this target needs. */
  headers: Record<string, string>
  /** A JSON-RPC call: an object, or a raw body. */
  rpc(body: object | string | Uint8Array, headers?: Record<string, string>): Promise<Answer>
  openRpc(body: object, headers?: Record<string, string>): Promise<OpenAnswer>
  /** An HTTP+JSON call: `POST /message:send`. */
  rest(call: string, sent?: RestSent): Promise<Answer>
  openRest(call: string, sent?: RestSent): Promise<OpenAnswer>
}

export type RestSent = { json?: unknown; body?: string | Uint8Array; headers?: Record<string, string> }

export function directTarget(agent: ConformanceAgent): Target {
  const { authority, paths } = agent
  return createTarget({
    kind: 'direct',
    agent,
    origin: `http://${authority}`,
    paths: { jsonRpc: paths.jsonRpc, rest: paths.rest ?? '' },
    headers: {},
  })
}

export function proxiedTarget(agent: ConformanceAgent, origin: string, path: string, token: string): Target {
  return createTarget({
    kind: 'proxied',
    agent,
    origin,
    paths: { jsonRpc: path, rest: path },
    headers: { authorization: `Bearer ${token}` },
  })
}

function createTarget(given: Pick<Target, 'kind' | 'agent' | 'origin' | 'paths' | 'headers'>): Target {
  const { headers: required, origin, paths } = given
  const rpcSent = (body: object | string | Uint8Array, headers: Record<string, string> = {}): Sent => ({
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers, ...required },
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  })
  const restSent = (restCall: string, { json, body, headers }: RestSent = {}): [string, Sent] => {
    const [method = '', tail = ''] = restCall.split(' ')
    const sent = json === undefined ? body : JSON.stringify(json)
    const type: Record<string, string> = sent === undefined ? {} : { 'content-type': 'application/json' }
    return [`${paths.rest}${tail}`, { method, headers: { ...type, ...headers, ...required }, body: sent }]
  }
  return {
    ...given,
    rpc: (body, headers) => call(origin, paths.jsonRpc, rpcSent(body, headers)),
    openRpc: (body, headers) => open(origin, paths.jsonRpc, rpcSent(body, headers)),
    rest: (restCall, sent) => call(origin, ...restSent(restCall, sent)),
    openRest: (restCall, sent) => open(origin, ...restSent(restCall, sent)),
  }
}
