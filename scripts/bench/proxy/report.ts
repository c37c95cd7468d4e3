// The figures as a table with a column for each target, and below it the goals. They are ratios and differences between targets, which
// are comparable between computers: of the same round, because other load changes from one round to the next.
import { type Figure, figureTable } from '../support/figures.ts'
import type { Round } from './measure.ts'
import { median } from './statistics.ts'
import type { TargetName } from './targets.ts'

/** The figures of each round, and memory in KB. */
export type MeasuredTarget = { rounds: Record<keyof Round, number[]>; kbPerIdleStream: number }

export type Measured = Partial<Record<TargetName, MeasuredTarget>>

const ROWS: [title: string, figure: keyof Round, digits: number][] = [
  ['unary p50, 1 connection, ms', 'p50', 2],
  ['unary p99, 1 connection, ms', 'p99', 2],
  ['requests/s, 1 connection', 'perSecond1', 0],
  ['requests/s, 16 connections', 'perSecond16', 0],
  ['p99, 16 connections, ms', 'p99Of16', 2],
  ['requests/s, 128 connections', 'perSecond128', 0],
  ['first streamed byte p50, ms', 'firstByte', 2],
  ['events/s, 100 streams', 'eventsPerSecond', 0],
  ['CPU s per 1,000 requests', 'cpuPerThousand', 3],
]

export function goalsOf(measured: Measured): Figure[] {
  const compared = (
    other: TargetName,
    figure: keyof Round,
    compare: (ours: number, theirs: number) => number,
  ) => {
    const theirs = measured[other]?.rounds[figure] ?? []
    const ours = measured.ours?.rounds[figure] ?? []
    return median(theirs.map((value, round) => compare(ours[round] ?? Number.NaN, value)))
  }
  const ratio = (other: TargetName, figure: keyof Round) =>
    compared(other, figure, (ours, theirs) => ours / theirs)
  const more = (other: TargetName, figure: keyof Round) =>
    compared(other, figure, (ours, theirs) => ours - theirs)
  return [
    { title: 'A2A ÷ node, requests/s at 16', value: ratio('node', 'perSecond16'), atLeast: 0.8 },
    { title: 'A2A ÷ node, requests/s at 128', value: ratio('node', 'perSecond128'), atLeast: 0.8 },
    { title: 'A2A ÷ node, CPU of a request at 16', value: ratio('node', 'cpuPerThousand') },
    { title: 'A2A ÷ node, p99 at 16', value: ratio('node', 'p99Of16'), atMost: 2 },
    { title: 'A2A ÷ Go, requests/s at 16', value: ratio('go', 'perSecond16'), atLeast: 1 },
    { title: 'A2A ÷ Go, requests/s at 128', value: ratio('go', 'perSecond128'), atLeast: 1 },
    { title: 'A2A ÷ nginx, requests/s at 16', value: ratio('nginx', 'perSecond16') },
    { title: 'A2A ÷ hono-fetch, requests/s at 16', value: ratio('hono-fetch', 'perSecond16') },
    { title: 'A2A ÷ hono-undici, requests/s at 16', value: ratio('hono-undici', 'perSecond16') },
    { title: 'A2A − direct, p50 at 1', value: more('direct', 'p50'), unit: 'ms', atMost: 1 },
    { title: 'A2A − nginx, first streamed byte', value: more('nginx', 'firstByte'), unit: 'ms', atMost: 1 },
    { title: 'A2A ÷ node, events/s of 100 streams', value: ratio('node', 'eventsPerSecond'), atLeast: 0.8 },
    { title: 'an idle stream', value: measured.ours?.kbPerIdleStream ?? Number.NaN, unit: 'KB', atMost: 20 },
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
        targets.map((proxy) => shown(median(measured[proxy]?.rounds[figure] ?? []), digits)),
      ),
    ),
    line(
      'KB per idle stream, of 4,000',
      targets.map((proxy) => shown(measured[proxy]?.kbPerIdleStream, 1)),
    ),
    '',
    figureTable(goalsOf(measured)),
  ].join('\n')
}

function shown(value: number | undefined, digits: number): string {
  if (value === undefined || Number.isNaN(value)) return '–'
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
