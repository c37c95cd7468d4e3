// Sums over the list of workspaces. Pure.
import type { Workspace } from '../../client/client.ts'

export const isInTrouble = ({ status }: Workspace): boolean =>
  status === 'failed' || status === 'offline' || status === 'degraded'

/** Reason codes of workspaces in trouble, the most frequent first. */
export function causesOf(all: readonly Workspace[]): { code: string; count: number }[] {
  const groups = Map.groupBy(all.filter(isInTrouble), ({ reason }) => reason?.code ?? 'unknown')
  return [...groups]
    .map(([code, members]) => ({ code, count: members.length }))
    .toSorted((a, b) => b.count - a.count || (a.code < b.code ? -1 : 1))
}

/** Seconds from creation to the first ready, ascending, of those that were ready once. */
export const readySecondsOf = (all: readonly Workspace[]): number[] =>
  all
    .flatMap(({ created_at, ready_at }) =>
      ready_at === null ? [] : [(Date.parse(ready_at) - Date.parse(created_at)) / 1000],
    )
    .toSorted((a, b) => a - b)

const LIMITS = [1, 2, 5, 10, 20, 30, 60, 120, 300] as const

export type SecondsSummary = {
  median: number
  p95: number
  /** Counts between limits that grow, from the first to the last that is not empty. */
  bars: { title: string; count: number }[]
}

/** @param seconds ascending */
export function summaryOfSeconds(seconds: readonly number[]): SecondsSummary | undefined {
  const at = (share: number) => seconds[Math.min(seconds.length - 1, Math.floor(share * seconds.length))]
  const median = at(0.5)
  const p95 = at(0.95)
  if (median === undefined || p95 === undefined) return undefined
  const bars = [0, ...LIMITS].map((from, index) => {
    const to = LIMITS[index] ?? Number.POSITIVE_INFINITY
    return {
      title: to === Number.POSITIVE_INFINITY ? `over ${from} s` : `${from} to ${to} s`,
      count: seconds.filter((value) => value >= from && value < to).length,
    }
  })
  const first = bars.findIndex(({ count }) => count > 0)
  const last = bars.findLastIndex(({ count }) => count > 0)
  return { median, p95, bars: bars.slice(first, last + 1) }
}
