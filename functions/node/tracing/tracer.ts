// Traces on Node: OpenTelemetry's model and protocol without its packages, because what is needed of them is small (a tree of
// spans, one POST), and they are many. Which span is under way is known from the chain of awaits.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Log } from '../../../lib/platform/log.ts'
import { createExporter } from './exporter.ts'
import { readOtlpSettings } from './settings.ts'
import {
  type Attributes,
  formatTraceparent,
  parseTraceparent,
  type Span,
  type SpanOptions,
  type TraceContext,
  type Tracer,
} from '../../../lib/platform/trace.ts'
import { VERSION } from '../../http/version.ts'

export type NodeTracer = Tracer & { close(withinMs: number): Promise<void> }

/** @returns undefined where the environment asks for no traces */
export function createNodeTracer(env: Record<string, string | undefined>, log: Log): NodeTracer | undefined {
  const settings = readOtlpSettings(env, (problem) => log('warn', problem))
  if (settings === undefined) return undefined
  const { sampler } = settings
  const exporter = createExporter(settings, { fetch, log, version: VERSION })
  const current = new AsyncLocalStorage<TraceContext>()

  function begin(name: string, { attributes = {}, kind = 'internal', parent }: SpanOptions, agoMs = 0) {
    const startMs = Date.now() - agoMs
    const started = performance.now() - agoMs
    const above = parseTraceparent(parent) ?? current.getStore()
    const traceId = above?.traceId ?? randomId(16)
    const context: TraceContext = { traceId, spanId: randomId(8), sampled: sampler(traceId, above?.sampled) }
    let ended: { name: string; attributes: Attributes; failed: string | undefined } | undefined = {
      name,
      attributes: { ...attributes },
      failed: undefined,
    }
    const span: Span = {
      traceparent: formatTraceparent(context),
      rename(other) {
        if (ended !== undefined) ended.name = other
      },
      set(more) {
        if (ended !== undefined) Object.assign(ended.attributes, more)
      },
      fail(why) {
        if (ended !== undefined) ended.failed = why
      },
    }
    function end(): void {
      if (ended === undefined || !context.sampled) return
      const { spanId } = context
      // The clock may be set meanwhile; a duration must not hear of it.
      const endMs = startMs + performance.now() - started
      exporter.add({ traceId, spanId, parentSpanId: above?.spanId, kind, startMs, endMs, ...ended })
      ended = undefined
    }
    return { context, span, end }
  }

  return {
    async span(name, options, work) {
      const { context, end, span } = begin(name, options)
      try {
        return await current.run(context, () => work(span))
      } catch (error) {
        // Messages may quote somebody's data.
        span.fail(error instanceof Error ? error.name : 'Error')
        throw error
      } finally {
        end()
      }
    },
    record(name, ms, { failed, ...options }) {
      // By itself it would be a trace of one span, and there are many such: what is looked for every second is not kept.
      if (current.getStore() === undefined) return
      const { end, span } = begin(name, options, ms)
      if (failed !== undefined) span.fail(failed)
      end()
    },
    traceparent() {
      const context = current.getStore()
      return context === undefined ? undefined : formatTraceparent(context)
    },
    close: (withinMs) => exporter.close(withinMs),
  }
}

function randomId(bytes: number): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString('hex')
}

/** Every line of the log says which span it belongs to, unless it says so itself. */
export const withTraceparent =
  (log: Log, tracer: Tracer): Log =>
  (level, message, fields = {}) => {
    const traceparent = fields['traceparent'] ?? tracer.traceparent()
    log(level, message, traceparent === undefined ? fields : { ...fields, traceparent })
  }
