// The part of docs/performance.md that bench:all writes, between two marks: the computer, and a table of figures.
import { type Figure, goalText, isReached, valueText } from '../support/figures.ts'

const BEGINS = '<!-- bench:all begins -->'
const ENDS = '<!-- bench:all ends -->'

export type Computer = {
  processors: number
  model: string
  memoryGb: number
  node: string
  at: Date
  /** How long the run took. */
  seconds: number
}

/** @param document with the report of the run before, whose figures are repeated in a column */
export function reportOf(figures: readonly Figure[], computer: Computer, document: string): string {
  const before = measuredIn(document)
  const { at, memoryGb, model, node, processors, seconds } = computer
  const missed = figures.filter((figure) => isReached(figure) === false)
  const answers = { undefined: '', true: 'yes', false: '**no**' } as const
  const rows = figures.map((figure) => [
    figure.title,
    valueText(figure),
    before.get(figure.title) ?? '',
    goalText(figure),
    answers[`${isReached(figure)}`],
  ])
  return [
    `${at.toISOString().slice(0, 10)}, ${processors} processors (${model}), ${memoryGb} GB, Node ${node}; the run took ${Math.round(seconds / 60)} minutes. ` +
      `${figures.filter((figure) => isReached(figure) === true).length} goals are reached, and ${missed.length} ${missed.length === 1 ? 'is' : 'are'} not.`,
    '',
    '| figure | measured | run before | goal | reached |',
    '|---|---|---|---|---|',
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
  ].join('\n')
}

/** @throws Error when the document has no marks */
export function withReport(document: string, report: string): string {
  const [begin, end] = [document.indexOf(BEGINS), document.indexOf(ENDS)]
  if (begin === -1 || end < begin) throw new Error(`the document has no ${BEGINS} and ${ENDS}`)
  return `${document.slice(0, begin + BEGINS.length)}\n\n${report}\n\n${document.slice(end)}`
}

function measuredIn(document: string): Map<string, string> {
  const report = document.slice(document.indexOf(BEGINS), document.indexOf(ENDS))
  const rows = report
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split('|').map((cell) => cell.trim()))
  return new Map(rows.map(([, title = '', measured = '']) => [title, measured]))
}
