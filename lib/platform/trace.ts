// Spans: what was done and how long it took, so that one request can be followed through reconciles, calls to Fly and
// agents. This file has the interface alone; functions/node/tracing/tracer.ts exports spans, and by default there is
// no tracing.

/**
 * Named by OpenTelemetry's conventions where there is one. Never data of callers: no bodies, tokens or parameters.
 */
export type Attributes = Record<string, string | number | boolean | undefined>

export type SpanKind = 'internal' | 'server' | 'client'

export type Span = {
  /** The W3C header that makes spans of the next hop children of this one; undefined without tracing. */
  readonly traceparent: string | undefined
  rename(name: string): void
  set(attributes: Attributes): void
  /** Marks the span as failed. @param why a fixed word or an error's name */
  fail(why: string): void
}

export type SpanOptions = {
  kind?: SpanKind
  attributes?: Attributes
  /** The `traceparent` of the parent, instead of the current span. An invalid one is ignored. */
  parent?: string | undefined
}

export type Tracer = {
  /** Whether spans are recorded. */
  readonly isOn: boolean
  /** Runs work as a span, by default a child of the current one. The span ends with the work. */
  span<T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T>
  /** Adds a span that has ended to the current one; dropped without one. @param ms its duration until now */
  record(name: string, ms: number, options: SpanOptions & { failed?: string | undefined }): void
  /** The header for requests of the current span. */
  traceparent(): string | undefined
}

const NO_SPAN: Span = { traceparent: undefined, rename() {}, set() {}, fail() {} }

export const NO_TRACER: Tracer = {
  isOn: false,
  span: (_name, _options, work) => work(NO_SPAN),
  record() {},
  traceparent: () => undefined,
}

export type TraceContext = { traceId: string; spanId: string; sampled: boolean }

/**
 * @returns undefined for an invalid header; of later versions the known fields are read (W3C Trace Context §3.2.4)
 */
export function parseTraceparent(header: string | undefined): TraceContext | undefined {
  const [, version, traceId = '', spanId = '', flags = ''] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:$|-)/.exec(header?.trim() ?? '') ?? []
  if (version === undefined || version === 'ff' || /^0+$/.test(traceId) || /^0+$/.test(spanId))
    return undefined
  if (version === '00' && header?.trim().length !== 55) return undefined
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 }
}

export const formatTraceparent = ({ sampled, spanId, traceId }: TraceContext): string =>
  `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`
