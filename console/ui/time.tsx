// A time as its distance from now, with the full time and zone on hover and for screen readers.
import { now } from './clock.ts'
import { fullTime, relative } from './format.ts'

export function Time({ at }: { at: string | null }) {
  if (at === null) return <span class="muted">–</span>
  return (
    <time dateTime={at} title={fullTime(at)}>
      {relative(at, now.value)}
    </time>
  )
}
