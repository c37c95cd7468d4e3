// Encodes spans as OTLP/JSON (opentelemetry-proto, trace/v1): ids in hex, times as decimal strings of nanoseconds.
import type { Attributes, SpanKind } from '../../../lib/platform/trace.ts'

export type EndedSpan = {
  traceId: string
  spanId: string
  parentSpanId: string | undefined
  name: string
  kind: SpanKind
  /** Milliseconds since the epoch, with a fraction. */
  startMs: number
  endMs: number
  attributes: Attributes
  failed: string | undefined
}

const KINDS: Record<SpanKind, number> = { internal: 1, server: 2, client: 3 }
const ERROR = 2

/** The body of one export. */
export function encodeSpans(spans: readonly EndedSpan[], resource: Attributes, version: string): string {
  return JSON.stringify({
    resourceSpans: [
      {
        resource: { attributes: pairs(resource) },
        scopeSpans: [{ scope: { name: 'molecule-fly', version }, spans: spans.map(encode) }],
      },
    ],
  })
}

function encode(span: EndedSpan): object {
  const { attributes, endMs, failed, kind, name, parentSpanId, spanId, startMs, traceId } = span
  return {
    traceId,
    spanId,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name,
    kind: KINDS[kind],
    startTimeUnixNano: nanoseconds(startMs),
    endTimeUnixNano: nanoseconds(endMs),
    attributes: pairs(attributes),
    ...(failed === undefined ? {} : { status: { code: ERROR, message: failed } }),
  }
}

const nanoseconds = (ms: number) => String(BigInt(Math.round(ms * 1000)) * 1000n)

function pairs(attributes: Attributes): object[] {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: valueOf(value) }],
  )
}

function valueOf(value: string | number | boolean): object {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value }
}
