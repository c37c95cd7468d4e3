// The transport over fetch: Workers have no other. Chunks are handed on as they are read; the next one is not read while
// the caller is behind, and so the agent is held back too.
import type { HeaderPairs, HeaderRecord } from '../wire/headers.ts'
import { type AgentRequest, neverConnected, type Receiver, type Transport } from './transport.ts'

export function createFetchTransport(fetch: typeof globalThis.fetch): Transport {
  return (request, receiver) => {
    const controller = new AbortController()
    let resumed: PromiseWithResolvers<void> | undefined
    const exchange = new Exchange(request, receiver, controller, () => resumed?.promise)
    void exchange.run(fetch)
    return {
      pause: () => void (resumed ??= Promise.withResolvers()),
      resume() {
        resumed?.resolve()
        resumed = undefined
      },
      abort() {
        exchange.over = true
        controller.abort()
      },
    }
  }
}

class Exchange {
  readonly #request: AgentRequest
  readonly #receiver: Receiver
  readonly #controller: AbortController
  readonly #held: () => Promise<void> | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #silent = false
  /** Nothing is reported any more. */
  over = false

  constructor(
    request: AgentRequest,
    receiver: Receiver,
    controller: AbortController,
    held: () => Promise<void> | undefined,
  ) {
    this.#request = request
    this.#receiver = receiver
    this.#controller = controller
    this.#held = held
  }

  async run(fetch: typeof globalThis.fetch): Promise<void> {
    const { body, headers, method, origin, path } = this.#request
    try {
      this.#listen()
      const response = await fetch(`${origin}${path}`, {
        method,
        headers: toHeaders(headers),
        body: (body as BodyInit | undefined) ?? null,
        redirect: 'manual',
        signal: this.#controller.signal,
      })
      if (this.over) return
      this.#receiver.head(response.status, withoutCoding(response.headers), undefined)
      if (response.body !== null) await this.#pass(response.body)
      if (!this.over) this.#receiver.end()
    } catch (cause) {
      if (this.over) return
      const kind = this.#silent ? 'silent' : neverConnected(cause) ? 'refused' : 'lost'
      this.#receiver.failed({ kind, cause })
    } finally {
      clearTimeout(this.#timer)
    }
  }

  async #pass(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body.getReader()
    for (;;) {
      this.#listen()
      const { done, value } = await reader.read()
      clearTimeout(this.#timer)
      if (done || this.over) return
      this.#receiver.data(value)
      // A caller that is behind is not the agent's silence.
      await this.#held()
    }
  }

  #listen(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#silent = true
      this.#controller.abort(new DOMException('silent for too long', 'TimeoutError'))
    }, this.#request.silenceMs)
  }
}

function toHeaders(record: HeaderRecord): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(record))
    for (const one of [value].flat()) headers.append(name, one)
  return headers
}

// What came encoded is decoded by now, and these two would describe other bytes.
function withoutCoding(headers: Headers): HeaderPairs {
  if (!headers.has('content-encoding')) return headers
  return [...headers].filter(([name]) => name !== 'content-encoding' && name !== 'content-length')
}
