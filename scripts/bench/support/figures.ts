// Figures of a bench that the project has a goal for, or that its documents state. `bench:all` collects them as JSON.

export type Figure = {
  title: string
  value: number
  /** Of the value; absent: a ratio or a number. */
  unit?: string
  atLeast?: number
  atMost?: number
}

/** Whether the goal is reached; undefined without a goal or a value. */
export function isReached({ atLeast, atMost, value }: Figure): boolean | undefined {
  if (Number.isNaN(value) || (atLeast === undefined && atMost === undefined)) return undefined
  return value >= (atLeast ?? -Infinity) && value <= (atMost ?? Infinity)
}

export function goalText({ atLeast, atMost, unit }: Figure): string {
  const suffix = unit === undefined ? '' : ` ${unit}`
  if (atLeast !== undefined) return `≥ ${atLeast}${suffix}`
  return atMost === undefined ? '' : `≤ ${atMost}${suffix}`
}

/** Three digits are enough for what varies between runs. */
export function valueText({ unit, value }: Figure): string {
  if (Number.isNaN(value)) return '–'
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
  const shown = value.toLocaleString('en-US', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
  return unit === undefined ? shown : `${shown} ${unit}`
}

/** For people, with a line for each figure. */
export function figureTable(figures: readonly Figure[]): string {
  const line = (cells: string[]) =>
    cells.map((cell, at) => (at === 0 ? cell.padEnd(66) : cell.padStart(at === 3 ? 9 : 20))).join('')
  const answers = { undefined: '', true: 'yes', false: 'NO' } as const
  return [
    line(['', 'measured', 'goal', 'reached']),
    ...figures.map((figure) =>
      line([figure.title, valueText(figure), goalText(figure), answers[`${isReached(figure)}`]]),
    ),
  ].join('\n')
}

/** One line for a program that reads the output. A figure that this computer cannot measure is null there. */
export const printJson = (figures: readonly Figure[]) => console.log(JSON.stringify({ figures }))

/** Reads what printJson has printed, after whatever else was printed. */
export function readJson(output: string): Figure[] {
  const line = output.split('\n').findLast((one) => one.startsWith('{"figures":'))
  if (line === undefined) throw new Error('no figures were printed')
  const { figures } = JSON.parse(line) as { figures: (Omit<Figure, 'value'> & { value: number | null })[] }
  return figures.map((figure) => ({ ...figure, value: figure.value ?? Number.NaN }))
}
