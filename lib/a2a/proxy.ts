// Sends one A2A request to one machine and hands its answer back unread: the same bytes, as they come, for as long as they
// come. Answers of our own exist only where the agent gave none.
import { requestHeaders, responseHeaders } from './headers.ts'
import { ProxyError } from './json-rpc.ts'
import type { Route } from './route.ts'

export type ProxyRequest = {
  route: Route
  headers: Headers
  body: string
  /** Path and query below the agent's root; `/` for JSON-RPC. */
  path: string
  /** The caller's: aborted when it hangs up, and then the upstream request ends. Never turned into a cancel. */
  signal: AbortSignal
  /** Longest silence before the headers and between two chunks, in milliseconds. There is no limit on the total. */
  silenceMs: number
  fetch: typeof fetch
}

/** @throws ProxyError where the agent gave no answer that could be passed on */
export async function proxyToAgent(request: ProxyRequest): Promise<Response> {
  const silence = new SilenceLimit(request.silenceMs)
  const { fetch } = request
  let upstream: Response
  try {
    upstream = await fetch(`${request.route.url}${request.path}`, {
      method: 'POST',
      headers: requestHeaders(request.headers, request.route.headers),
      body: request.body,
      // Following would leave the machine, and turn the POST into a GET (a2a.md §3.5).
      redirect: 'manual',
      signal: AbortSignal.any([request.signal, silence.signal]),
    })
  } catch (error) {
    silence.stop()
    throw unanswered(error, silence)
  }
  if (isAgentsAnswer(upstream)) {
    return new Response(upstream.body === null ? null : silence.watch(upstream.body), {
      status: upstream.status,
      headers: responseHeaders(upstream.headers),
    })
  }
  silence.stop()
  await upstream.body?.cancel()
  throw notAnAnswer(upstream)
}

// JSON and event streams are the agent's words at any status (a2a.md §2.3); so is silence after a notification.
function isAgentsAnswer(response: Response): boolean {
  if (response.status === 202 || response.status === 204) return true
  const type = (response.headers.get('content-type') ?? '').toLowerCase()
  if (response.status >= 300 && response.status < 400) return false
  return /^(application\/([\w.-]+\+)?json|text\/event-stream)\b/.test(type) && response.status !== 401
}

function notAnAnswer(response: Response): ProxyError {
  const { status } = response
  const facts = { agent_status: String(status) }
  // The Fly Proxy answers for a machine that does not: no JSON, 502 or 503 (fly.md §7.4).
  if (status === 502 || status === 503) {
    return new ProxyError('AGENT_UNREACHABLE', "the agent's machine does not answer", {
      delivered: 'unknown',
      facts,
    })
  }
  if (status === 504)
    return new ProxyError('AGENT_TIMEOUT', "the agent's machine took too long", {
      delivered: 'unknown',
      facts,
    })
  if (status === 413)
    return new ProxyError('AGENT_HTTP_ERROR', 'the agent refused a body of this size', {
      delivered: 'no',
      status: 413,
      facts,
    })
  if (status >= 400 && status < 500 && status !== 401) {
    return new ProxyError('AGENT_HTTP_ERROR', `the agent refused the request with HTTP ${status}`, {
      delivered: 'unknown',
      status,
      facts,
    })
  }
  if (status >= 400)
    return new ProxyError('AGENT_HTTP_ERROR', `the agent failed with HTTP ${status}`, {
      delivered: 'unknown',
      facts,
    })
  return new ProxyError('INVALID_AGENT_RESPONSE', 'the agent answered with something that is not A2A', {
    delivered: 'unknown',
    facts,
  })
}

// Failures before a connection exists: nothing was delivered. Everything after that is doubtful (a2a.md §3.7).
const NEVER_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
])

function unanswered(error: unknown, silence: SilenceLimit): ProxyError {
  if (silence.signal.aborted) {
    return new ProxyError(
      'AGENT_TIMEOUT',
      'the agent was silent for too long; its task may still be running',
      { delivered: 'unknown', cause: error },
    )
  }
  const code = (error as { cause?: { code?: unknown } } | undefined)?.cause?.code
  if (typeof code === 'string' && NEVER_SENT.has(code)) {
    return new ProxyError('AGENT_UNREACHABLE', "the agent's machine cannot be reached", {
      delivered: 'no',
      cause: error,
    })
  }
  return new ProxyError('AGENT_CONNECTION_LOST', 'the connection to the agent was lost', {
    delivered: 'unknown',
    cause: error,
  })
}

/** Aborts its signal when nothing has happened for a while. */
class SilenceLimit {
  readonly #controller = new AbortController()
  readonly #ms: number
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(ms: number) {
    this.#ms = ms
    this.#restart()
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  /** Passes a body through, chunk by chunk; each chunk starts the silence anew. */
  watch(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
    return body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        start: () => this.#restart(),
        transform: (chunk, controller) => {
          this.#restart()
          controller.enqueue(chunk)
        },
        flush: () => this.stop(),
        // Called when the caller hangs up.
        cancel: () => this.stop(),
      } as Transformer<Uint8Array, Uint8Array>),
    )
  }

  #restart(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(
      () => this.#controller.abort(new DOMException('silent for too long', 'TimeoutError')),
      this.#ms,
    )
  }
}
