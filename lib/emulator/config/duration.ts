// Durations as Fly accepts them: Go strings ("1m30s", "250ms") or whole nanoseconds (docs/facts/fly.md §4.2).

const UNITS: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

/** Milliseconds; undefined for a text that is not a Go duration. Numbers are nanoseconds. */
export function parseDuration(value: string | number): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value / 1e6 : undefined
  if (value === '0') return 0
  if (!/^([0-9.]{1,40}(ns|us|µs|ms?|s|h))+$/.test(value)) return undefined
  let total = 0
  for (const [, amount, unit] of value.matchAll(/([0-9.]{1,40})(ns|us|µs|ms?|s|h)/g)) {
    total += Number(amount) * (UNITS[unit ?? 'ms'] ?? 1)
  }
  return Number.isFinite(total) ? total : undefined
}
