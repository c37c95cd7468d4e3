// A chart over time, drawn by uPlot on a canvas in the colours of the theme. What it shows is said in words as well: as its name for
// screen readers, and beside the pointer.
import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import { timeOfDay } from '../../ui/format.ts'
import { prefersDark } from '../../ui/media.ts'
import { theme } from '../../ui/theme.ts'

export type PlotSeries = {
  /** A custom property of the style sheet, such as `--good-mark`. */
  colour: string
  kind: 'area' | 'points'
}

type PlotProps = {
  /** What it shows, in a sentence. */
  label: string
  /** Times in seconds, ascending, and then the values of each series. */
  data: uPlot.AlignedData
  series: readonly PlotSeries[]
  /** The beginning and the end of the time, in seconds. */
  range: readonly [from: number, to: number]
  unit: string
  /** The values at a step, in words. */
  textAt: (step: number) => string
}

const HEIGHT = 132

export function Plot({ data, label, range, series, textAt, unit }: PlotProps) {
  const element = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const latest = useRef({ range })
  latest.current = { range }
  const [step, setStep] = useState<number | null>(null)
  const look = `${theme.value} ${prefersDark.value} ${series.map(({ colour }) => colour).join()}`

  useEffect(() => {
    const box = element.current
    if (box === null) return undefined
    const made = new uPlot(
      {
        width: box.clientWidth,
        height: HEIGHT,
        ...optionsOf(series, unit, () => latest.current.range),
        hooks: { setCursor: [({ cursor }) => setStep(cursor.idx ?? null)] },
      },
      data,
      box,
    )
    plot.current = made
    const observer = new ResizeObserver(() => made.setSize({ width: box.clientWidth, height: HEIGHT }))
    observer.observe(box)
    return () => {
      observer.disconnect()
      made.destroy()
    }
  }, [look, unit])
  useEffect(() => plot.current?.setData(data), [data])

  const time = step === null ? undefined : data[0][step]
  return (
    <>
      <div ref={element} class="plot" role="img" aria-label={label} />
      <p class="plot-text muted">
        {step === null || time === undefined
          ? label
          : `${timeOfDay(new Date(time * 1000).toISOString())}: ${textAt(step)}`}
      </p>
    </>
  )
}

/** @param step seconds between two labels */
function timeLabel(time: number, step: number): string {
  const date = new Date(time * 1000)
  if (step >= DAY_SECONDS) return date.toLocaleDateString(undefined, { day: 'numeric', month: 'short' })
  const text = timeOfDay(date.toISOString())
  return step < 60 ? text : text.slice(0, 5)
}

const DAY_SECONDS = 86_400

function optionsOf(
  series: readonly PlotSeries[],
  unit: string,
  range: () => PlotProps['range'],
): Omit<uPlot.Options, 'width' | 'height'> {
  const style = getComputedStyle(document.documentElement)
  const colour = (name: string) => style.getPropertyValue(name)
  const axis = {
    stroke: colour('--muted'),
    font: `11px ${style.getPropertyValue('--font')}`,
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  }
  return {
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    padding: [8, 8, 0, 0],
    scales: {
      x: { range: () => [...range()] as uPlot.Range.MinMax },
      // From zero, and with room for one where nothing happens.
      y: { range: (_plot, _from, to) => [0, Math.max(1, to * 1.05)] },
    },
    axes: [
      {
        ...axis,
        space: 60,
        size: 24,
        values: (_plot, times, _axis, _space, step) => times.map((time) => timeLabel(time, step)),
      },
      {
        ...axis,
        size: 42,
        space: 28,
        values: (_plot, values) => values.map((value) => (Number.isInteger(value) ? `${value}${unit}` : '')),
      },
    ],
    series: [
      {},
      ...series.map(({ colour: name, kind }): uPlot.Series =>
        kind === 'area'
          ? {
              fill: colour(name),
              width: 0,
              points: { show: false },
              ...(uPlot.paths.stepped === undefined ? {} : { paths: uPlot.paths.stepped({ align: -1 }) }),
            }
          : {
              stroke: colour(name),
              width: 0,
              paths: () => null,
              points: { show: true, size: 5, fill: colour(name), space: 0 },
            },
      ),
    ],
  }
}
