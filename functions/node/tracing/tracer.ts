// Tracing on Node: OpenTelemetry's model and protocol without its packages, which are many for the little that is
// needed (a tree of spans, one POST). AsyncLocalStorage holds the current span.
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

/** @returns undefined when tracing is off */
export function createNodeTracer(env: Record<string, string | undefined>, log: Log): NodeTracer | undefined {
  const settings = readOtlpSettings(env, (problem) => log('warn', problem))
  if (settings === undefined) return undefined
  const { sampler } = settings
  const exporter = createExporter(settings, { fetch, log, version: VERSION })
  const current = new AsyncLocalStorage<TraceContext>()

  function begin(name: string, { attributes = {}, kind = 'internal', parent }: SpanOptions, agoMs = 0) {
    const startMs = Date.now() - agoMs
    const started = performance.now() - agoMs
    const parentContext = parseTraceparent(parent) ?? current.getStore()
    const traceId = parentContext?.traceId ?? randomId(16)
    const context: TraceContext = {
      traceId,
      spanId: randomId(8),
      sampled: sampler(traceId, parentContext?.sampled),
    }
    let open: { name: string; attributes: Attributes; failed: string | undefined } | undefined = {
      name,
      attributes: { ...attributes },
      failed: undefined,
    }
    const span: Span = {
      traceparent: formatTraceparent(context),
      rename(other) {
        if (open !== undefined) open.name = other
      },
      set(more) {
        if (open !== undefined) Object.assign(open.attributes, more)
      },
      fail(why) {
        if (open !== undefined) open.failed = why
      },
    }
    function end(): void {
      if (open === undefined || !context.sampled) return
      const { spanId } = context
      // A change of the system clock must not change a duration.
      const endMs = startMs + performance.now() - started
      exporter.add({ traceId, spanId, parentSpanId: parentContext?.spanId, kind, startMs, endMs, ...open })
      open = undefined
    }
    return { context, span, end }
  }

  return {
    isOn: true,
    async span(name, options, work) {
      const { context, end, span } = begin(name, options)
      try {
        return await current.run(context, () => work(span))
      } catch (error) {
        // Error messages may quote callers' data; names do not.
        span.fail(error instanceof Error ? error.name : 'Error')
        throw error
      } finally {
        end()
      }
    },
    record(name, ms, { failed, ...options }) {
      // Without a current span this would be a trace of one span, and periodic queries would create many.
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

/** A log that adds the current span's `traceparent` to each line, unless the line has one. */
export const withTraceparent =
  (log: Log, tracer: Tracer): Log =>
  (level, message, fields = {}) => {
    const traceparent = fields['traceparent'] ?? tracer.traceparent()
    log(level, message, traceparent === undefined ? fields : { ...fields, traceparent })
  }
