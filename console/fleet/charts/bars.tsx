// Amounts by name as horizontal bars, the largest first. The words beside each bar say the same.
import { plural } from '../../ui/format.ts'

export type Bar = { name: string; amount: number; text: string }

/** Names that are shown; the others are one bar. */
const MOST = 5

type BarsProps = { bars: readonly Bar[]; textOf: (amount: number) => string; empty: string }

/** @param bars in descending order */
export function Bars({ bars, empty, textOf }: BarsProps) {
  if (bars.length === 0) return <p class="muted">{empty}</p>
  const others = bars.slice(MOST)
  const rest = others.reduce((sum, { amount }) => sum + amount, 0)
  const shown = [
    ...bars.slice(0, MOST),
    ...(others.length === 0
      ? []
      : [{ name: plural(others.length, 'other'), amount: rest, text: textOf(rest) }]),
  ]
  const largest = Math.max(...shown.map(({ amount }) => amount))
  return (
    <ul class="amounts">
      {shown.map(({ amount, name, text }) => (
        <li key={name}>
          <span class="amount-name" title={name}>
            {name}
          </span>
          <span class="amount-text">{text}</span>
          <span class="amount-bar" aria-hidden="true">
            <span style={{ width: `${(100 * amount) / (largest || 1)}%` }} />
          </span>
        </li>
      ))}
    </ul>
  )
}
