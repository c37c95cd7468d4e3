// The figures as a table, a column for each road, and below it what we aim at: ratios and differences between the roads,
// because those mean the same on every computer.
import type { Figures } from './measure.ts'
import type { RoadName } from './roads.ts'

export type Measured = Partial<Record<RoadName, Figures>>

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

export type Aim = { title: string; measured: number; aim: string; met: boolean }

export function aimsOf(measured: Measured): Aim[] {
  const of = (road: RoadName, figure: keyof Figures) => measured[road]?.[figure] ?? Number.NaN
  const atLeast = (title: string, value: number, aim: number) => ({
    title,
    measured: value,
    aim: `≥ ${aim}`,
    met: value >= aim,
  })
  const atMost = (title: string, value: number, aim: number) => ({
    title,
    measured: value,
    aim: `≤ ${aim}`,
    met: value <= aim,
  })
  const ours = of('ours', 'perSecond16')
  return [
    atLeast('ours ÷ hono-fetch, requests/s at 16', ours / of('hono-fetch', 'perSecond16'), 4),
    atLeast('ours ÷ nginx, requests/s at 16', ours / of('nginx', 'perSecond16'), 0.35),
    atMost('ours − direct, unary p50, ms', of('ours', 'p50') - of('direct', 'p50'), 1),
    atMost('ours − nginx, first streamed byte, ms', of('ours', 'firstByte') - of('nginx', 'firstByte'), 1),
    atMost('ours, KB per idle stream', of('ours', 'kbPerIdleStream'), 60),
  ]
}

export function table(measured: Measured): string {
  const roads = Object.keys(measured) as RoadName[]
  const line = (title: string, cells: string[]) =>
    title.padEnd(38) + cells.map((cell) => cell.padStart(13)).join('')
  return [
    line('', roads),
    ...ROWS.map(([title, figure, digits]) =>
      line(
        title,
        roads.map((road) => shown(measured[road]?.[figure], digits)),
      ),
    ),
    '',
    line('', ['measured', 'aim', 'met']),
    ...aimsOf(measured).map(({ title, measured: value, aim, met }) =>
      line(title, [shown(value, 2), aim, Number.isNaN(value) ? '–' : met ? 'yes' : 'no']),
    ),
  ].join('\n')
}

function shown(value: number | undefined, digits: number): string {
  if (value === undefined || Number.isNaN(value)) return '–'
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
