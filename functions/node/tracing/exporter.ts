// Hands ended spans to an OTLP receiver, many at a time and after the fact. Nobody ever waits for it: while the receiver is
// away, spans are kept up to a number, and then lost and counted.
import type { Log } from '../../../lib/platform/log.ts'
import { encodeSpans, type EndedSpan } from './encode.ts'
import type { OtlpSettings } from './settings.ts'

/** As OpenTelemetry's batch processor has them by default. */
const QUEUE = 2_048
const BATCH = 512
const EVERY_MS = 5_000

/** What passes, by OTLP's specification; any other refusal will be repeated in vain. */
const PASSING = new Set([429, 502, 503, 504])

/** The receiver is asked no sooner than this after it refused. */
const REST_MS = 5_000

export type Exporter = {
  add(span: EndedSpan): void
  /** Sends what there is, for so long at the most. */
  close(withinMs: number): Promise<void>
}

export function createExporter(
  { headers, resource, timeoutMs, url }: Omit<OtlpSettings, 'sampler'>,
  { fetch, log, version }: { fetch: typeof globalThis.fetch; log: Log; version: string },
): Exporter {
  let queue: EndedSpan[] = []
  let lost = 0
  let troubled = false
  let restUntil = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  let sending: Promise<void> | undefined

  function add(span: EndedSpan): void {
    if (queue.length >= QUEUE) {
      lost++
      return
    }
    queue.push(span)
    if (queue.length >= BATCH && Date.now() >= restUntil) void flush()
    else timer ??= setTimeout(() => void flush(), EVERY_MS)
  }

  function flush(signal?: AbortSignal): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    sending ??= sendAll(signal).finally(() => {
      sending = undefined
      if (queue.length > 0) timer ??= setTimeout(() => void flush(), EVERY_MS)
    })
    return sending
  }

  async function sendAll(signal: AbortSignal | undefined): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.slice(0, BATCH)
      queue = queue.slice(BATCH)
      const trouble = await send(batch, signal)
      if (trouble === undefined) {
        if (troubled) log('info', 'traces are taken again', { lost })
        troubled = false
        lost = 0
        continue
      }
      const room = trouble.passes ? QUEUE - queue.length : 0
      queue = [...batch.slice(0, room), ...queue]
      lost += batch.length - Math.min(room, batch.length)
      restUntil = Date.now() + REST_MS
      // Said once for as long as it lasts.
      if (!troubled) log('warn', 'traces are not taken', { receiver: new URL(url).host, why: trouble.why })
      troubled = true
      if (trouble.passes) return
    }
  }

  async function send(
    batch: readonly EndedSpan[],
    closing: AbortSignal | undefined,
  ): Promise<{ why: string; passes: boolean } | undefined> {
    const patience = AbortSignal.timeout(timeoutMs)
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: encodeSpans(batch, resource, version),
        redirect: 'manual',
        signal: closing === undefined ? patience : AbortSignal.any([patience, closing]),
      })
      await response.arrayBuffer()
      if (response.ok) return undefined
      return { why: `status ${response.status}`, passes: PASSING.has(response.status) }
    } catch (error) {
      return { why: error instanceof Error ? error.name : 'no answer', passes: true }
    }
  }

  return {
    add,
    async close(withinMs) {
      const over = AbortSignal.timeout(withinMs)
      const late = new Promise<void>((resolve) => over.addEventListener('abort', () => resolve()))
      await Promise.race([
        late,
        (async () => {
          await sending
          await flush(over)
        })(),
      ])
      clearTimeout(timer)
      if (queue.length + lost > 0) log('warn', 'traces were lost', { spans: queue.length + lost })
    },
  }
}
