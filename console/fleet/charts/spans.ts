// The time that the charts show. It is in the address; without it, the charts are there where the page has room for them.
import { route } from '../../route.ts'

const HOUR_MS = 3_600_000

export const SPANS = [
  { name: 'hour', ms: HOUR_MS },
  { name: 'day', ms: 24 * HOUR_MS },
  { name: 'week', ms: 7 * 24 * HOUR_MS },
] as const
export type Span = (typeof SPANS)[number]

const hasRoom = matchMedia('(min-width: 981px) and (min-height: 720px)')

/** undefined: no charts */
export function chosenSpan(): Span | undefined {
  const name = route.value.query.get('charts') ?? (hasRoom.matches ? 'day' : 'off')
  return SPANS.find((span) => span.name === name)
}
