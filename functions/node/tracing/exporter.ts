// Sends ended spans to an OTLP collector in batches, in the background. While the collector is unavailable, spans are
// queued up to a limit; beyond it they are dropped and counted.
import type { Log } from '../../../lib/platform/log.ts'
import { encodeSpans, type EndedSpan } from './encode.ts'
import type { OtlpSettings } from './settings.ts'
import { readBounded } from '../../../lib/platform/bounded-reader.ts'

/** The defaults of OpenTelemetry's batch span processor. */
const MAX_QUEUE = 2_048
const MAX_BATCH = 512
const EXPORT_EVERY_MS = 5_000

/** Of an answer no more is read. */
const MAX_ANSWER_BYTES = 64 * 1024

/** Statuses that OTLP's specification calls retryable. */
const RETRYABLE = new Set([429, 502, 503, 504])

/** The pause after a failed export. */
const BACKOFF_MS = 5_000

export type Exporter = {
  add(span: EndedSpan): void
  /** Sends the queued spans, for at most `withinMs`. */
  close(withinMs: number): Promise<void>
}

export function createExporter(
  { headers, resource, timeoutMs, url }: Omit<OtlpSettings, 'sampler'>,
  { fetch, log, version }: { fetch: typeof globalThis.fetch; log: Log; version: string },
): Exporter {
  let queue: EndedSpan[] = []
  let dropped = 0
  let isFailing = false
  let retryAt = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let sending: Promise<void> | undefined

  function add(span: EndedSpan): void {
    if (queue.length >= MAX_QUEUE) {
      dropped++
      return
    }
    queue.push(span)
    if (queue.length >= MAX_BATCH && Date.now() >= retryAt) void flush()
    else timer ??= setTimeout(() => void flush(), EXPORT_EVERY_MS)
  }

  function flush(signal?: AbortSignal): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    sending ??= sendAll(signal).finally(() => {
      sending = undefined
      if (queue.length > 0) timer ??= setTimeout(() => void flush(), EXPORT_EVERY_MS)
    })
    return sending
  }

  async function sendAll(signal: AbortSignal | undefined): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.slice(0, MAX_BATCH)
      queue = queue.slice(MAX_BATCH)
      const failure = await send(batch, signal)
      if (failure === undefined) {
        if (isFailing) log('info', 'trace export works again', { dropped })
        isFailing = false
        dropped = 0
        continue
      }
      const room = failure.isRetryable ? MAX_QUEUE - queue.length : 0
      queue = [...batch.slice(0, room), ...queue]
      dropped += batch.length - Math.min(room, batch.length)
      retryAt = Date.now() + BACKOFF_MS
      // Logged once for each outage.
      if (!isFailing)
        log('warn', 'trace export fails', { collector: new URL(url).host, reason: failure.reason })
      isFailing = true
      if (failure.isRetryable) return
    }
  }

  async function send(
    batch: readonly EndedSpan[],
    closing: AbortSignal | undefined,
  ): Promise<{ reason: string; isRetryable: boolean } | undefined> {
    const timeout = AbortSignal.timeout(timeoutMs)
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: encodeSpans(batch, resource, version),
        redirect: 'manual',
        signal: closing === undefined ? timeout : AbortSignal.any([timeout, closing]),
      })
      // The answer is not used. Once it has been read, its connection can be used again.
      await readBounded(response, MAX_ANSWER_BYTES).catch(() => {})
      if (response.ok) return undefined
      return { reason: `status ${response.status}`, isRetryable: RETRYABLE.has(response.status) }
    } catch (error) {
      return { reason: error instanceof Error ? error.name : 'no response', isRetryable: true }
    }
  }

  return {
    add,
    async close(withinMs) {
      const deadline = AbortSignal.timeout(withinMs)
      const late = new Promise<void>((resolve) => deadline.addEventListener('abort', () => resolve()))
      await Promise.race([
        late,
        (async () => {
          await sending
          await flush(deadline)
        })(),
      ])
      clearTimeout(timer)
      const lost = queue.length + dropped
      if (lost > 0) log('warn', 'spans were not exported', { spans: lost })
    },
  }
}
