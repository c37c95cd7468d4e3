// The two roads to one agent, straight to its socket and through the control plane, with one way to walk both.
import type { ConformanceAgent } from '../agents/conformance-agent.ts'
import { type Answer, call, open, type OpenAnswer, type Sent } from './raw-http.ts'

export type Road = {
  kind: 'direct' | 'proxied'
  agent: ConformanceAgent
  origin: string
  /** Where JSON-RPC is posted; HTTP+JSON paths are appended to `rest`. */
  paths: { jsonRpc: string; rest: string }
  /** What this road's keeper asks for. */
  headers: Record<string, string>
  /** A JSON-RPC call: an object, or a body as it is. */
  rpc(body: object | string | Uint8Array, headers?: Record<string, string>): Promise<Answer>
  openRpc(body: object, headers?: Record<string, string>): Promise<OpenAnswer>
  /** An HTTP+JSON call: `POST /message:send`. */
  rest(call: string, sent?: RestSent): Promise<Answer>
  openRest(call: string, sent?: RestSent): Promise<OpenAnswer>
}

export type RestSent = { json?: unknown; body?: string | Uint8Array; headers?: Record<string, string> }

export function directRoad(agent: ConformanceAgent): Road {
  const { authority, paths } = agent
  return createRoad({
    kind: 'direct',
    agent,
    origin: `http://${authority}`,
    paths: { jsonRpc: paths.jsonRpc, rest: paths.rest ?? '' },
    headers: {},
  })
}

export function proxiedRoad(agent: ConformanceAgent, origin: string, door: string, token: string): Road {
  return createRoad({
    kind: 'proxied',
    agent,
    origin,
    paths: { jsonRpc: door, rest: door },
    headers: { authorization: `Bearer ${token}` },
  })
}

function createRoad(given: Pick<Road, 'kind' | 'agent' | 'origin' | 'paths' | 'headers'>): Road {
  const { headers: own, origin, paths } = given
  const rpcSent = (body: object | string | Uint8Array, headers: Record<string, string> = {}): Sent => ({
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers, ...own },
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  })
  const restSent = (restCall: string, { json, body, headers }: RestSent = {}): [string, Sent] => {
    const [method = '', tail = ''] = restCall.split(' ')
    const sent = json === undefined ? body : JSON.stringify(json)
    const type: Record<string, string> = sent === undefined ? {} : { 'content-type': 'application/json' }
    return [`${paths.rest}${tail}`, { method, headers: { ...type, ...headers, ...own }, body: sent }]
  }
  return {
    ...given,
    rpc: (body, headers) => call(origin, paths.jsonRpc, rpcSent(body, headers)),
    openRpc: (body, headers) => open(origin, paths.jsonRpc, rpcSent(body, headers)),
    rest: (restCall, sent) => call(origin, ...restSent(restCall, sent)),
    openRest: (restCall, sent) => open(origin, ...restSent(restCall, sent)),
  }
}
