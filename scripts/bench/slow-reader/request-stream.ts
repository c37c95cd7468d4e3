// Sends a streaming request through the proxy on a new connection. It does not read the answer.
import { type IncomingMessage, request as httpRequest } from 'node:http'
import type { ProxiedWorkspace } from '../../../test/support/proxied-workspace.ts'

/** A connection without traffic for this long is stuck, also if the client does not read. */
const STUCK_MS = 60_000

const BODY = JSON.stringify({
  jsonrpc: '2.0',
  id: '1',
  method: 'message/stream',
  params: {
    message: { kind: 'message', messageId: '1', role: 'user', parts: [{ kind: 'text', text: 'Go on.' }] },
  },
})

export function requestStream({ port, path, headers }: ProxiedWorkspace): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        host: '127.0.0.1',
        port,
        path,
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        agent: false,
      },
      (response) => {
        if (response.statusCode === 200) resolve(response)
        else request.destroy(new Error(`the proxy answered ${response.statusCode}`))
      },
    )
    request.setTimeout(STUCK_MS, () => request.destroy(new Error('the stream is stuck')))
    request.once('error', reject)
    request.end(BODY)
  })
}
