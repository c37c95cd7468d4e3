// Which traces are recorded: the samplers of OpenTelemetry's specification, by their names. The first span of a trace
// decides for all of them.

/** @param parentSampled whether the parent span is sampled; undefined for the first span of a trace */
export type Sampler = (traceId: string, parentSampled: boolean | undefined) => boolean

const NAMES = /^(parentbased_)?(always_on|always_off|traceidratio)$/

/** @param warn receives what is wrong with the name or the ratio; then every trace is recorded */
export function createSampler(
  name: string | undefined,
  ratio: string | undefined,
  warn: (problem: string) => void,
): Sampler {
  const match = NAMES.exec(name ?? 'parentbased_always_on')
  if (match === null) {
    warn('OTEL_TRACES_SAMPLER is not a known sampler: every trace is recorded')
    return (_, parentSampled) => parentSampled ?? true
  }
  const [, parentBased, kind] = match
  const root = kind === 'always_on' ? 1 : kind === 'always_off' ? 0 : ratioOf(ratio, warn)
  const isSampled = (traceId: string) => shareOf(traceId) < root
  return parentBased === undefined
    ? isSampled
    : (traceId, parentSampled) => parentSampled ?? isSampled(traceId)
}

function ratioOf(text: string | undefined, warn: (problem: string) => void): number {
  const ratio = text === undefined ? 1 : Number(text)
  if (ratio >= 0 && ratio <= 1) return ratio
  warn('OTEL_TRACES_SAMPLER_ARG is not a number from 0 to 1: every trace is recorded')
  return 1
}

/** In [0, 1), from the id's last digits, which are random: all services decide alike. */
const shareOf = (traceId: string) => Number.parseInt(traceId.slice(-13), 16) / 2 ** 52
