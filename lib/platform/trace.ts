// Spans: what was done, for how long, and for whom, so that one request can be followed through reconciles, calls to Fly and
// agents. Here is only what the house says of its work; where it goes is the runtime's matter (functions/node/tracing/tracer.ts), and
// by default it goes nowhere and costs nothing.

/** Names follow OpenTelemetry's conventions where there is one. Nothing of callers' data: no bodies, no tokens, no parameters. */
export type Attributes = Record<string, string | number | boolean | undefined>

export type SpanKind = 'internal' | 'server' | 'client'

export type Span = {
  /** The W3C header that makes the next hop's spans children of this one; undefined where there is no tracing. */
  readonly traceparent: string | undefined
  rename(name: string): void
  set(attributes: Attributes): void
  /** Says that it did not succeed. @param why a fixed word or an error's name */
  fail(why: string): void
}

export type SpanOptions = {
  kind?: SpanKind
  attributes?: Attributes
  /** A `traceparent` to follow, rather than what is under way here. One that cannot be read is ignored. */
  parent?: string | undefined
}

export type Tracer = {
  /** Runs work as a span: by default the child of the one that it is called in. It ends with the work. */
  span<T>(name: string, options: SpanOptions, work: (span: Span) => Promise<T>): Promise<T>
  /** A span that is over already, below the one under way; dropped where there is none. @param ms how long it took until now */
  record(name: string, ms: number, options: SpanOptions & { failed?: string | undefined }): void
  /** The header for a hop from here. */
  traceparent(): string | undefined
}

const NO_SPAN: Span = { traceparent: undefined, rename() {}, set() {}, fail() {} }

export const NO_TRACER: Tracer = {
  span: (_name, _options, work) => work(NO_SPAN),
  record() {},
  traceparent: () => undefined,
}

export type TraceContext = { traceId: string; spanId: string; sampled: boolean }

/** @returns undefined for what is no W3C traceparent; versions to come are read as far as they are known (Trace Context §3.2.4) */
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
