// The figures as a table with a column for each target, and below it the goals. They are ratios and differences between
// targets, which are comparable between computers.
import type { Figures } from './measure.ts'
import type { TargetName } from './targets.ts'

export type Measured = Partial<Record<TargetName, Figures>>

const ROWS: [title: string, figure: keyof Figures, digits: number][] = [
  ['unary p50, 1 connection, ms', 'p50', 2],
  ['unary p99, 1 connection, ms', 'p99', 2],
  ['requests/s, 1 connection', 'perSecond1', 0],
  ['requests/s, 16 connections', 'perSecond16', 0],
  ['requests/s, 128 connections', 'perSecond128', 0],
  ['first streamed byte p50, ms', 'firstByte', 2],
  ['events/s, 100 streams', 'eventsPerSecond', 0],
  ['CPU s per 1,000 requests', 'cpuPerThousand', 3],
  ['KB per idle stream, of 1,000', 'kbPerIdleStream', 1],
]

export type Goal = { title: string; measured: number; goal: string; met: boolean }

export function goalsOf(measured: Measured): Goal[] {
  const of = (proxy: TargetName, figure: keyof Figures) => measured[proxy]?.[figure] ?? Number.NaN
  const atLeast = (title: string, value: number, goal: number) => ({
    title,
    measured: value,
    goal: `≥ ${goal}`,
    met: value >= goal,
  })
  const atMost = (title: string, value: number, goal: number) => ({
    title,
    measured: value,
    goal: `≤ ${goal}`,
    met: value <= goal,
  })
  const ours = of('ours', 'perSecond16')
  return [
    atLeast('ours ÷ node, requests/s at 16', ours / of('node', 'perSecond16'), 0.8),
    atLeast('ours ÷ hono-fetch, requests/s at 16', ours / of('hono-fetch', 'perSecond16'), 4),
    atLeast('ours ÷ nginx, requests/s at 16', ours / of('nginx', 'perSecond16'), 0.35),
    atMost('ours − direct, unary p50, ms', of('ours', 'p50') - of('direct', 'p50'), 1),
    atMost('ours − nginx, first streamed byte, ms', of('ours', 'firstByte') - of('nginx', 'firstByte'), 1),
    atMost('ours, KB per idle stream', of('ours', 'kbPerIdleStream'), 60),
  ]
}

export function table(measured: Measured): string {
  const targets = Object.keys(measured) as TargetName[]
  const line = (title: string, cells: string[]) =>
    title.padEnd(38) + cells.map((cell) => cell.padStart(13)).join('')
  return [
    line('', targets),
    ...ROWS.map(([title, figure, digits]) =>
      line(
        title,
        targets.map((proxy) => shown(measured[proxy]?.[figure], digits)),
      ),
    ),
    '',
    line('', ['measured', 'goal', 'met']),
    ...goalsOf(measured).map(({ title, measured: value, goal, met }) =>
      line(title, [shown(value, 2), goal, Number.isNaN(value) ? '–' : met ? 'yes' : 'no']),
    ),
  ].join('\n')
}

function shown(value: number | undefined, digits: number): string {
  if (value === undefined || Number.isNaN(value)) return '–'
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
