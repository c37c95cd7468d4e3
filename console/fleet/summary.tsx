// The totals above the list, each from data that the page has: statuses, cost, trouble by cause, time to ready.
import type { ComponentChildren } from 'preact'
import { linkToOperations } from '../operations/links.ts'
import { setQuery } from '../route.ts'
import { plural, usd, words } from '../ui/format.ts'
import { ShareBar } from '../ui/share-bar.tsx'
import { costTotals, fleet } from './cost.ts'
import { STATUSES } from './selection.ts'
import { loaded, workspaces } from './store.ts'
import { causesOf, isInTrouble, readySecondsOf, summaryOfSeconds } from './totals.ts'

export function Summary() {
  // Sums over the beginning of a list say nothing.
  if (loaded.value !== 'all') {
    return (
      <section class="summary" aria-label="Totals">
        {['Workspaces', 'Need attention', 'Cost per month, as it runs now', 'Creation to ready, median'].map(
          (title) => (
            <Card key={title} title={title} value="…" />
          ),
        )}
      </section>
    )
  }
  const all = [...workspaces.value.values()]
  return (
    <section class="summary" aria-label="Totals">
      <Card title="Workspaces" value={all.length.toLocaleString('en-US')}>
        <ShareBar
          shares={STATUSES.map((status) => ({
            name: status,
            status,
            count: all.filter((workspace) => workspace.status === status).length,
          }))}
        />
      </Card>
      <Trouble />
      <Cost />
      <TimeToReady />
    </section>
  )
}

type CardProps = { title: string; value: string; isBad?: boolean; children?: ComponentChildren }

function Card({ children, isBad = false, title, value }: CardProps) {
  return (
    <div class="card">
      <h2 class="card-title">{title}</h2>
      <p class={isBad ? 'card-value card-value-bad' : 'card-value'}>{value}</p>
      <div class="card-foot">{children}</div>
    </div>
  )
}

function Trouble() {
  const all = [...workspaces.value.values()]
  const causes = causesOf(all)
  const count = all.filter(isInTrouble).length
  return (
    <Card title="Need attention" value={String(count)} isBad={count > 0}>
      {causes.length === 0 ? (
        <span class="muted">Nothing has failed.</span>
      ) : (
        causes.slice(0, 3).map(({ code, count }) => (
          <button
            key={code}
            type="button"
            class="button-link"
            onClick={() => setQuery({ q: code, status: '' })}
          >
            {words(code)} {count}
          </button>
        ))
      )}
    </Card>
  )
}

function Cost() {
  const totals = costTotals.value
  if (fleet.value === undefined) return null
  const { disk_totals: disks, totals: machines } = fleet.value
  const orphans = (machines.orphan?.machines ?? 0) + (disks.orphan?.disks ?? 0)
  const drifted = machines.drifted?.machines ?? 0
  return (
    <Card
      title={totals === undefined ? 'Machines' : 'Cost per month, as it runs now'}
      value={totals === undefined ? String(fleet.value.machines.length) : usd(totals.all)}
    >
      {totals === undefined ? (
        <span class="muted">{plural(fleet.value.disks.length, 'disk')}</span>
      ) : (
        <span class="muted">
          machines {usd(totals.machines)} · disks {usd(totals.disks + totals.snapshots)}
        </span>
      )}
      {orphans + drifted > 0 && (
        <a href={linkToOperations('machines')}>
          {[
            ...(orphans > 0 ? [plural(orphans, 'orphan')] : []),
            ...(drifted > 0 ? [`${drifted} drifted`] : []),
          ].join(', ')}
        </a>
      )}
    </Card>
  )
}

/** From creation to the first ready, of the workspaces in the list. */
function TimeToReady() {
  const seconds = readySecondsOf([...workspaces.value.values()])
  const summary = summaryOfSeconds(seconds)
  if (summary === undefined) return null
  const highest = Math.max(...summary.bars.map(({ count }) => count))
  const text = summary.bars.map(({ count, title }) => `${title}: ${count}`).join(', ')
  return (
    <Card title="Creation to ready, median" value={`${summary.median.toFixed(1)} s`}>
      <div class="bars" role="img" aria-label={text} title={text}>
        {summary.bars.map(({ count, title }) => (
          <span
            key={title}
            class="bars-part"
            style={{ height: `${Math.max(6, (100 * count) / highest)}%` }}
          />
        ))}
      </div>
      <span class="muted">
        95 % in {summary.p95.toFixed(1)} s · of {seconds.length}
      </span>
    </Card>
  )
}
