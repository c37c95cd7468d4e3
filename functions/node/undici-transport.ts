// The transport on Node: undici's dispatcher, one connection pool per origin. It is several times as quick as fetch, decodes
// nothing, and says whether a request ever had a connection (a2a.md §3.7).
import { Agent, type Dispatcher, errors } from 'undici'
import { neverConnected, type TransportFailure, type Transport } from '../../lib/a2a/transport/transport.ts'

const CONNECT_TIMEOUT_MS = 5_000

export function createUndiciTransport(): { transport: Transport; close(): Promise<void> } {
  const agent = new Agent({ connect: { timeout: CONNECT_TIMEOUT_MS } })

  const transport: Transport = (request, receiver) => {
    const { body, headers, method, origin, path, silenceMs } = request
    let controller: Dispatcher.DispatchController | undefined
    let over = false
    agent.dispatch(
      {
        origin,
        path,
        method,
        headers,
        body: body ?? null,
        headersTimeout: silenceMs,
        bodyTimeout: silenceMs,
      },
      {
        onRequestStart(started) {
          controller = started
          if (over) controller.abort(new Error('the caller has left'))
        },
        onResponseStart(_, status, answered) {
          // Interim answers (100, 103) are between two hops.
          if (over || status < 200) return
          receiver.head(status, pairsOf(answered), answered['connection']?.toString())
        },
        onResponseData(_, chunk) {
          if (!over) receiver.data(chunk)
        },
        onResponseEnd() {
          if (!over) receiver.end()
        },
        onResponseError(_, error) {
          if (!over) receiver.failed({ kind: kindOf(error), cause: error })
        },
      },
    )
    return {
      pause: () => controller?.pause(),
      resume: () => controller?.resume(),
      abort() {
        over = true
        controller?.abort(new Error('the caller has left'))
      },
    }
  }
  return { transport, close: () => agent.destroy() }
}

function kindOf(error: unknown): TransportFailure['kind'] {
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError) return 'silent'
  return neverConnected(error) ? 'refused' : 'lost'
}

function pairsOf(headers: Record<string, string | string[] | undefined>): [string, string][] {
  const pairs: [string, string][] = []
  for (const name in headers) {
    const value = headers[name]
    if (Array.isArray(value)) for (const one of value) pairs.push([name, one])
    else if (value !== undefined) pairs.push([name, value])
  }
  return pairs
}
