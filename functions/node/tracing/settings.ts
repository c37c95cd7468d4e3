// OpenTelemetry's own variables, as its specification has them. They are not ours, and may be set for other programs too: what
// cannot be used is said and left aside, and never keeps the server from starting.
import { createSampler, type Sampler } from './sampler.ts'

export type OtlpSettings = {
  /** Where spans are posted. */
  url: string
  headers: Record<string, string>
  timeoutMs: number
  /** What every span is of: `service.name` and whatever else was given. */
  resource: Record<string, string>
  sampler: Sampler
}

const DEFAULT_NAME = 'molecule-fly'
const DEFAULT_TIMEOUT_MS = 10_000

/**
 * @param say hears what is wrong with them, without values
 * @returns undefined where no traces are wanted
 */
export function readOtlpSettings(
  env: Record<string, string | undefined>,
  say: (problem: string) => void,
): OtlpSettings | undefined {
  const read = (name: string) => env[name]?.trim() || undefined
  const either = (name: string) =>
    read(`OTEL_EXPORTER_OTLP_TRACES_${name}`) ?? read(`OTEL_EXPORTER_OTLP_${name}`)
  if (either('ENDPOINT') === undefined || read('OTEL_SDK_DISABLED')?.toLowerCase() === 'true')
    return undefined
  if (read('OTEL_TRACES_EXPORTER') === 'none') return undefined
  const url = urlOf(read('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'), read('OTEL_EXPORTER_OTLP_ENDPOINT'))
  if (url === undefined) {
    say('OTEL_EXPORTER_OTLP_ENDPOINT is no http or https address: no traces are sent')
    return undefined
  }
  if (either('PROTOCOL') === 'grpc') {
    say('OTEL_EXPORTER_OTLP_PROTOCOL is grpc, which is not spoken here: no traces are sent. Use http/json')
    return undefined
  }
  const attributes = pairsOf(read('OTEL_RESOURCE_ATTRIBUTES'), () =>
    say('OTEL_RESOURCE_ATTRIBUTES has an entry that is not name=value'),
  )
  const name = read('OTEL_SERVICE_NAME') ?? attributes['service.name'] ?? DEFAULT_NAME
  const timeout = Number(either('TIMEOUT') ?? DEFAULT_TIMEOUT_MS)
  return {
    url,
    headers: pairsOf(either('HEADERS'), () =>
      say('OTEL_EXPORTER_OTLP_HEADERS has an entry that is not name=value'),
    ),
    timeoutMs: timeout > 0 && timeout <= 600_000 ? timeout : DEFAULT_TIMEOUT_MS,
    resource: { ...attributes, 'service.name': name },
    sampler: createSampler(read('OTEL_TRACES_SAMPLER'), read('OTEL_TRACES_SAMPLER_ARG'), say),
  }
}

/** The address for traces is taken as it is; the one for everything is a base. */
function urlOf(traces: string | undefined, base: string | undefined): string | undefined {
  const text = traces ?? `${base?.replace(/\/+$/, '')}/v1/traces`
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) ? text : undefined
}

/** `name=value` pairs with commas between them, values percent-encoded. */
function pairsOf(text: string | undefined, onBroken: () => void): Record<string, string> {
  const pairs: Record<string, string> = {}
  for (const item of text?.split(',') ?? []) {
    if (item.trim() === '') continue
    const [, name = '', value = ''] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(item) ?? []
    try {
      if (name === '') throw new URIError('no name')
      pairs[name] = decodeURIComponent(value)
    } catch {
      onBroken()
    }
  }
  return pairs
}
