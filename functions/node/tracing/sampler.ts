// Which traces are kept: decided once, at their first span, and followed by the rest (the samplers of OpenTelemetry's
// specification, by their names).

/** @param parentSampled whether the span that this one follows is kept; undefined for the first of a trace */
export type Sampler = (traceId: string, parentSampled: boolean | undefined) => boolean

const NAMES = /^(parentbased_)?(always_on|always_off|traceidratio)$/

/** @param say hears of a name or a ratio that is none; everything is kept then */
export function createSampler(
  name: string | undefined,
  ratio: string | undefined,
  say: (problem: string) => void,
): Sampler {
  const match = NAMES.exec(name ?? 'parentbased_always_on')
  if (match === null) {
    say('OTEL_TRACES_SAMPLER is none that is known: every trace is kept')
    return (_, parentSampled) => parentSampled ?? true
  }
  const [, follows, kind] = match
  const root = kind === 'always_on' ? 1 : kind === 'always_off' ? 0 : ratioOf(ratio, say)
  const isKept = (traceId: string) => shareOf(traceId) < root
  return follows === undefined ? isKept : (traceId, parentSampled) => parentSampled ?? isKept(traceId)
}

function ratioOf(text: string | undefined, say: (problem: string) => void): number {
  const ratio = text === undefined ? 1 : Number(text)
  if (ratio >= 0 && ratio <= 1) return ratio
  say('OTEL_TRACES_SAMPLER_ARG is no number from 0 to 1: every trace is kept')
  return 1
}

/** In [0, 1), by the id's last digits, which are random: the same trace is kept everywhere or nowhere. */
const shareOf = (traceId: string) => Number.parseInt(traceId.slice(-13), 16) / 2 ** 52
