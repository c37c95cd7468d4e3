// An agent without an SDK. It answers with the bytes that a test gives it, or with a description of the request that it
// received. The agents of the SDK can do neither.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { setImmediate as nextTick } from 'node:timers/promises'
import { type ConformanceAgent, serveAgent } from './conformance-agent.ts'

/** The header that selects the answer of a request. Neither the proxy nor the SDKs use it. */
export const CASE = 'x-case'

export type Script = {
  status: number
  headers: Record<string, string>
  /** Written one by one, with a turn of the event loop after each. */
  chunks: readonly Uint8Array[]
  /** Breaks the connection after the last chunk instead of ending the answer. */
  breaks?: boolean
}

/** A request as the agent received it. */
export type ReceivedRequest = {
  method: string
  path: string
  headers: [name: string, value: string][]
  body: string
}

export type ScriptedAgent = ConformanceAgent & {
  /** Answers requests whose `x-case` is `name` with the script. */
  play(name: string, script: Script): void
}

/** Without a script the answer is a JSON-RPC result with the request: method, path, headers, and the body in base64. */
export async function startScriptedAgent(): Promise<ScriptedAgent> {
  const scripts = new Map<string, Script>()
  const paths = { jsonRpc: '/rpc', rest: '/rest' }
  const socket = await serveAgent((authority) => {
    const card = {
      name: 'scripted',
      protocolVersion: '0.3.0',
      url: `http://${authority}${paths.jsonRpc}`,
      additionalInterfaces: [{ url: `http://${authority}${paths.rest}/`, transport: 'HTTP+JSON' }],
    }
    return (request, response) => void answer(request, response, scripts, card)
  })
  return {
    ...socket,
    paths,
    release: () => {},
    play: (name, script) => void scripts.set(name, script),
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  scripts: ReadonlyMap<string, Script>,
  card: object,
): Promise<void> {
  const { method = '', url = '' } = request
  if (method === 'GET' && url.startsWith('/.well-known/')) {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(card))
    return
  }
  const body = await buffer(request)
  const script = scripts.get(String(request.headers[CASE]))
  if (script === undefined) {
    const received: ReceivedRequest = {
      method,
      path: url,
      headers: headersOf(request),
      body: body.toString('base64'),
    }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id: null, result: received }))
    return
  }
  response.writeHead(script.status, script.headers)
  for (const chunk of script.chunks) {
    response.write(chunk)
    // Sends this chunk separately from the next.
    await nextTick()
  }
  if (script.breaks === true) response.destroy()
  else response.end()
}

function headersOf({ rawHeaders }: IncomingMessage): [string, string][] {
  const pairs: [string, string][] = []
  for (let at = 0; at < rawHeaders.length; at += 2) {
    pairs.push([(rawHeaders[at] ?? '').toLowerCase(), rawHeaders[at + 1] ?? ''])
  }
  return pairs.toSorted(([a], [b]) => (a < b ? -1 : 1))
}
