// The idle timeout of the Fly Proxy (docs/facts/fly.md §7.5): an exchange is cut when no byte moves in either direction
// for that long.

import { orAborted } from '../shared/abort.ts'
import type { Runtime } from '../machines/runtime.ts'

export type IdleWatch = {
  /** Aborts when the client disconnects or the idle timeout passes. */
  signal: AbortSignal
  /** The body of the request, unchanged. Its bytes restart the timeout. */
  touchedBy(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array>
  /** The body of the response, unbuffered. It fails when the exchange is cut. `onEnd` is called once at its end. */
  watch(body: ReadableStream<Uint8Array>, onEnd: () => void): ReadableStream<Uint8Array>
  orAborted<T>(promise: Promise<T>): Promise<T>
  /** The exchange is over. */
  end(): void
}

export function watchIdle(
  runtime: Pick<Runtime, 'after'>,
  timeoutMs: number,
  client: AbortSignal,
): IdleWatch {
  const idle = new AbortController()
  const signal = AbortSignal.any([idle.signal, client])
  let cancel: () => void = () => undefined

  const touch = (): void => {
    cancel()
    cancel = runtime.after(timeoutMs, () => idle.abort(new TypeError('the connection was idle for too long')))
  }
  const end = (): void => cancel()

  touch()
  return {
    signal,
    orAborted: (promise) => orAborted(promise, signal),
    end,
    touchedBy(body) {
      return body.pipeThrough(
        new TransformStream<Uint8Array, Uint8Array>({
          transform(chunk, controller) {
            touch()
            controller.enqueue(chunk)
          },
        }),
      )
    },
    watch(body, onEnd) {
      const reader = body.getReader()
      let ended = false
      let cut = (): void => undefined
      const over = (): void => {
        if (ended) return
        ended = true
        // Node keeps a signal of several signals for as long as it has a listener.
        signal.removeEventListener('abort', cut)
        end()
        onEnd()
      }
      return new ReadableStream<Uint8Array>({
        start(controller) {
          // This also ends a body that is not read, which would count as in flight for ever.
          cut = () => {
            over()
            controller.error(signal.reason)
            reader.cancel(signal.reason).catch(() => undefined)
          }
          if (signal.aborted) return cut()
          signal.addEventListener('abort', cut, { once: true })
        },
        async pull(controller) {
          try {
            const { done, value } = await reader.read()
            if (ended) return
            touch()
            if (!done) return controller.enqueue(value)
            over()
            controller.close()
          } catch (error) {
            if (ended) return
            over()
            controller.error(error)
          }
        },
        cancel(reason) {
          over()
          return reader.cancel(reason)
        },
      })
    },
  }
}
