// The charts above the list: statuses over time, times to ready, causes of trouble, and cost.
import type { ComponentChildren } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import type { Event } from '../../../client/client.ts'
import { currentClient, mayAll } from '../../session/session.ts'
import { now } from '../../ui/clock.ts'
import { plural, relative, usd, words } from '../../ui/format.ts'
import { Problem } from '../../ui/problem.tsx'
import { costs, fleet, hasPrices } from '../cost.ts'
import { STATUSES } from '../selection.ts'
import { loaded, workspaces } from '../store.ts'
import { Bars } from './bars.tsx'
import { readyTimes, statusHistory, troubleSince } from './history.ts'
import { Plot } from './plot.tsx'
import { followHistory, type History } from './read-history.ts'
import type { Span } from './spans.ts'

/** The shortest time that a chart shows. */
const SHORTEST_MS = 60_000

export function Charts({ span }: { span: Span }) {
  const to = now.value
  const [following, setFollowing] = useState<ReturnType<typeof followHistory>>()
  useEffect(() => {
    const made = followHistory(currentClient(), Date.now() - span.ms)
    setFollowing(made)
    return made.stop
  }, [span])
  const history = following?.history.value
  const problem = following?.problem.value
  const begin = to - span.ms
  // Nothing is drawn of the time before the first workspace, or of that which was not read.
  const from = Math.max(begin, history?.from ?? 0, Math.min(to - SHORTEST_MS, firstTime(history)))
  const isCut = history?.from !== undefined && history.from > begin
  return (
    <section class="charts" aria-label="Charts">
      {problem !== undefined && <Problem problem={problem} />}
      {history !== undefined && loaded.value === 'all' && (
        <>
          <Chart title="Workspaces by status">
            <StatusChart history={history} from={from} to={to} />
            {isCut && (
              <p class="muted">
                <small>
                  The last {plural(history.events.length, 'change')}, which began{' '}
                  {relative(new Date(from).toISOString(), to)}.
                </small>
              </p>
            )}
          </Chart>
          <Chart title="Creation to ready">
            <ReadyChart from={from} to={to} />
          </Chart>
          <Chart title="Came into trouble because of">
            <TroubleChart events={history.events} from={from} />
          </Chart>
          {mayAll('read') && fleet.value !== undefined && hasPrices.value && (
            <Chart title="Cost per month by runtime">
              <CostChart />
            </Chart>
          )}
        </>
      )}
    </section>
  )
}

/** When the first workspace in the list was created, or the first change happened, in milliseconds. */
function firstTime(history: History | undefined): number {
  const created = [...workspaces.peek().values()].map(({ created_at }) => Date.parse(created_at))
  return Math.min(...created, Date.parse(history?.events[0]?.at ?? '') || Number.POSITIVE_INFINITY)
}

function Chart({ children, title }: { title: string; children: ComponentChildren }) {
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      {children}
    </figure>
  )
}

type Time = { from: number; to: number }

/** Drawn from the status at the top to the one at the bottom, each over the ones before it. */
const LAYERS = STATUSES.toReversed()

const COLOURS: Record<(typeof STATUSES)[number], string> = {
  failed: '--bad-mark',
  offline: '--warn-mark',
  degraded: '--warn-mark',
  provisioning: '--busy-mark',
  ready: '--good-mark',
  hibernated: '--sleep-mark',
  paused: '--off-mark',
}

function StatusChart({ from, history, to }: Time & { history: History }) {
  const { counts, times } = useMemo(
    () => statusHistory(workspaces.peek(), history.events, from, to),
    [history, from, to],
  )
  const present = LAYERS.filter((status) => counts[status].some((count) => count > 0))
  const textAt = (step: number) =>
    present
      .toReversed()
      .filter((status) => (counts[status][step] ?? 0) > 0)
      .map((status) => `${counts[status][step] ?? 0} ${status}`)
      .join(', ') || 'none'
  const data = useMemo(() => {
    // A layer reaches from zero to its own count above those of the layers below it.
    const layers = present.map((_status, layer) =>
      times.map((_time, step) =>
        present.slice(layer).reduce((sum, status) => sum + (counts[status][step] ?? 0), 0),
      ),
    )
    return [times.map((time) => time / 1000), ...layers] as [number[], ...number[][]]
  }, [counts, times])
  return (
    <Plot
      label={`Now ${textAt(times.length - 1)}.`}
      data={data}
      series={present.map((status) => ({ colour: COLOURS[status], kind: 'area' }))}
      range={[from / 1000, to / 1000]}
      unit=""
      textAt={textAt}
    />
  )
}

function ReadyChart({ from, to }: Time) {
  const points = useMemo(() => readyTimes(workspaces.peek().values(), from), [from])
  const data = useMemo(
    (): [number[], number[]] => [points.map(({ at }) => at / 1000), points.map(({ seconds }) => seconds)],
    [points],
  )
  if (points.length === 0) return <p class="muted">No workspace in the list was created in this time.</p>
  const longest = Math.max(...points.map(({ seconds }) => seconds))
  return (
    <Plot
      label={`${plural(points.length, 'workspace')}, at most ${longest.toFixed(1)} s.`}
      data={data}
      series={[{ colour: '--busy-mark', kind: 'points' }]}
      range={[from / 1000, to / 1000]}
      unit=" s"
      textAt={(step) => `${points[step]?.seconds.toFixed(1) ?? ''} s`}
    />
  )
}

function TroubleChart({ events, from }: { events: readonly Event[]; from: number }) {
  const causes = troubleSince(events, from)
  return (
    <Bars
      bars={causes.map(({ code, count }) => ({ name: words(code), amount: count, text: String(count) }))}
      textOf={String}
      empty="No workspace failed, fell silent or reported trouble."
    />
  )
}

function CostChart() {
  const sums = new Map<string, number>()
  let known = 0
  for (const { id, runtime } of workspaces.peek().values()) {
    const cost = costs.value.get(id) ?? 0
    known += cost
    sums.set(runtime, (sums.get(runtime) ?? 0) + cost)
  }
  const bars = [...sums]
    .filter(([, amount]) => amount > 0)
    .map(([name, amount]) => ({ name, amount, text: usd(amount) }))
  const all = [...costs.value.values()].reduce((sum, cost) => sum + cost, 0)
  // Machines and disks of workspaces that were removed.
  if (all - known > 0.005)
    bars.push({ name: 'removed workspaces', amount: all - known, text: usd(all - known) })
  return (
    <Bars
      bars={bars.toSorted((a, b) => b.amount - a.amount)}
      textOf={usd}
      empty="Nothing costs anything now."
    />
  )
}
