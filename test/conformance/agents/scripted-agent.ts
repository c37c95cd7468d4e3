// An agent without an SDK that says the bytes a test gives it, or tells the bytes that reached it: the measure for what the
// SDK's agents would never say, and for what they would not tell.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { setImmediate as nextTick } from 'node:timers/promises'
import { type ConformanceAgent, serveAgent } from './conformance-agent.ts'

/** Names the answer that a request is to get. Any header that is neither ours nor anybody's would do. */
export const CASE = 'x-case'

export type Script = {
  status: number
  headers: Record<string, string>
  /** Written one by one, with a turn of the event loop between them. */
  chunks: readonly Uint8Array[]
  /** Breaks the connection after the last chunk instead of ending the answer. */
  breaks?: boolean
}

/** A request as it reached the agent. */
export type Heard = { method: string; path: string; headers: [name: string, value: string][]; body: string }

export type Puppet = ConformanceAgent & {
  /** Answers the request whose `x-case` is this by the script. */
  play(name: string, script: Script): void
}

/** Answers without a script are a JSON-RPC result that tells the request: method, path, headers, body in base64. */
export async function startPuppet(): Promise<Puppet> {
  const scripts = new Map<string, Script>()
  const paths = { jsonRpc: '/rpc', rest: '/rest' }
  const socket = await serveAgent((authority) => {
    const card = {
      name: 'puppet',
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
    const heard: Heard = { method, path: url, headers: headersOf(request), body: body.toString('base64') }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id: null, result: heard }))
    return
  }
  response.writeHead(script.status, script.headers)
  for (const chunk of script.chunks) {
    response.write(chunk)
    // A chunk of its own on the wire, too.
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
