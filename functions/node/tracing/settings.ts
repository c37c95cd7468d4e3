// OpenTelemetry's own environment variables, as its specification defines them. They may be set for other programs
// too, so a value that cannot be used is logged and ignored, and never stops the server from starting.
import { createSampler, type Sampler } from './sampler.ts'

export type OtlpSettings = {
  /** The URL that spans are posted to. */
  url: string
  headers: Record<string, string>
  timeoutMs: number
  /** Attributes of every span: `service.name` and those of OTEL_RESOURCE_ATTRIBUTES. */
  resource: Record<string, string>
  sampler: Sampler
}

const DEFAULT_NAME = 'molecule-fly'
const DEFAULT_TIMEOUT_MS = 10_000

/**
 * @param warn receives what is wrong with the variables, without their values
 * @returns undefined when tracing is off
 */
export function readOtlpSettings(
  env: Record<string, string | undefined>,
  warn: (problem: string) => void,
): OtlpSettings | undefined {
  const read = (name: string) => env[name]?.trim() || undefined
  const either = (name: string) =>
    read(`OTEL_EXPORTER_OTLP_TRACES_${name}`) ?? read(`OTEL_EXPORTER_OTLP_${name}`)
  if (either('ENDPOINT') === undefined || read('OTEL_SDK_DISABLED')?.toLowerCase() === 'true')
    return undefined
  if (read('OTEL_TRACES_EXPORTER') === 'none') return undefined
  const url = urlOf(read('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'), read('OTEL_EXPORTER_OTLP_ENDPOINT'))
  if (url === undefined) {
    warn('OTEL_EXPORTER_OTLP_ENDPOINT is not an http or https URL: no traces are sent')
    return undefined
  }
  if (either('PROTOCOL') === 'grpc') {
    warn('OTEL_EXPORTER_OTLP_PROTOCOL=grpc is not supported: no traces are sent. Use http/json')
    return undefined
  }
  const attributes = pairsOf(read('OTEL_RESOURCE_ATTRIBUTES'), () =>
    warn('OTEL_RESOURCE_ATTRIBUTES has an entry that is not name=value'),
  )
  const name = read('OTEL_SERVICE_NAME') ?? attributes['service.name'] ?? DEFAULT_NAME
  const timeout = Number(either('TIMEOUT') ?? DEFAULT_TIMEOUT_MS)
  return {
    url,
    headers: pairsOf(either('HEADERS'), () =>
      warn('OTEL_EXPORTER_OTLP_HEADERS has an entry that is not name=value'),
    ),
    timeoutMs: timeout > 0 && timeout <= 600_000 ? timeout : DEFAULT_TIMEOUT_MS,
    resource: { ...attributes, 'service.name': name },
    sampler: createSampler(read('OTEL_TRACES_SAMPLER'), read('OTEL_TRACES_SAMPLER_ARG'), warn),
  }
}

/** The endpoint for traces is the whole URL; the endpoint for all signals is a base. */
function urlOf(traces: string | undefined, base: string | undefined): string | undefined {
  const text = traces ?? `${base?.replace(/(?<!\/)\/+$/, '')}/v1/traces`
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) ? text : undefined
}

/** `name=value` pairs with commas between them, values percent-encoded. */
function pairsOf(text: string | undefined, onBroken: () => void): Record<string, string> {
  const pairs: Record<string, string> = {}
  for (const item of text?.split(',') ?? []) {
    if (item.trim() === '') continue
    const [, name = '', value = ''] = /^([^=\s]+) *=(.*)$/.exec(item.trim()) ?? []
    try {
      if (name === '') throw new URIError('no name')
      pairs[name] = decodeURIComponent(value.trim())
    } catch {
      onBroken()
    }
  }
  return pairs
}
