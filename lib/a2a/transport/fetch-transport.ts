// The transport over fetch, the only HTTP client of Workers. The next chunk is not read while the caller is behind,
// so that flow control holds the agent back too.
import { type HeaderList, toHeaders } from '../wire/headers.ts'
import { type AgentRequest, neverConnected, type Receiver, type Transport } from './transport.ts'

export function createFetchTransport(fetch: typeof globalThis.fetch): Transport {
  return (request, receiver) => {
    const controller = new AbortController()
    let paused: PromiseWithResolvers<void> | undefined
    const call = new FetchCall(request, receiver, controller, () => paused?.promise)
    void call.run(fetch)
    return {
      pause: () => void (paused ??= Promise.withResolvers()),
      resume() {
        paused?.resolve()
        paused = undefined
      },
      abort() {
        call.isOver = true
        controller.abort()
      },
      // Only the runtime knows when it has sent it.
      holdsBody: true,
    }
  }
}

class FetchCall {
  readonly #request: AgentRequest
  readonly #receiver: Receiver
  readonly #controller: AbortController
  readonly #whenResumed: () => Promise<void> | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #isSilent = false
  /** The receiver is not called any more. */
  isOver = false

  constructor(
    request: AgentRequest,
    receiver: Receiver,
    controller: AbortController,
    whenResumed: () => Promise<void> | undefined,
  ) {
    this.#request = request
    this.#receiver = receiver
    this.#controller = controller
    this.#whenResumed = whenResumed
  }

  async run(fetch: typeof globalThis.fetch): Promise<void> {
    const { body, headers, method, origin, path } = this.#request
    try {
      this.#restartTimer()
      const response = await fetch(`${origin}${path}`, {
        method,
        headers: toHeaders(headers),
        body: (body as BodyInit | undefined) ?? null,
        redirect: 'manual',
        signal: this.#controller.signal,
      })
      if (this.isOver) return
      this.#receiver.head(response.status, decodedHeaders(response.headers), undefined)
      if (response.body !== null) await this.#pass(response.body)
      if (!this.isOver) this.#receiver.end()
    } catch (cause) {
      if (this.isOver) return
      const kind = this.#isSilent ? 'silent' : neverConnected(cause) ? 'refused' : 'lost'
      this.#receiver.failed({ kind, cause })
    } finally {
      clearTimeout(this.#timer)
    }
  }

  async #pass(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body.getReader()
    for (;;) {
      this.#restartTimer()
      const { done, value } = await reader.read()
      clearTimeout(this.#timer)
      if (done || this.isOver) return
      this.#receiver.data(value)
      // While the caller is behind, the agent is not silent: the timer stands still.
      await this.#whenResumed()
    }
  }

  #restartTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#isSilent = true
      this.#controller.abort(new DOMException('silent for too long', 'TimeoutError'))
    }, this.#request.silenceMs)
  }
}

// fetch has decoded the body, so these two headers would describe other bytes.
function decodedHeaders(headers: Headers): HeaderList {
  const isDecoded = headers.has('content-encoding')
  return [...headers]
    .filter(([name]) => !isDecoded || (name !== 'content-encoding' && name !== 'content-length'))
    .flat()
}
