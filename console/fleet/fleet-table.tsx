// The list of workspaces as a table, of which only the visible rows are in the document.
import type { Workspace } from '../../client/client.ts'
import { linkToWorkspace, setQuery } from '../route.ts'
import { usd, words } from '../ui/format.ts'
import { isNarrow } from '../ui/media.ts'
import { Status } from '../ui/status.tsx'
import { Time } from '../ui/time.tsx'
import { type RowAttributes, VirtualList } from '../ui/virtual-list.tsx'
import { costs, fleet, hasPrices } from './cost.ts'
import type { Row, Selection, Sort } from './selection.ts'

const WIDE_ROW = 36
const NARROW_ROW = 60

/** What nothing has here is not shown. */
const shownColumns = () => COLUMNS.filter(({ sort }) => sort !== 'cost' || hasPrices.value)

const COLUMNS: readonly { sort: Sort; title: string; className: string }[] = [
  { sort: 'status', title: 'Status', className: 'cell-status' },
  { sort: 'name', title: 'Name', className: 'cell-name' },
  { sort: 'runtime', title: 'Runtime', className: 'cell-runtime' },
  { sort: 'region', title: 'Region', className: 'cell-region' },
  { sort: 'cost', title: 'Cost/mo', className: 'cell-cost' },
  { sort: 'age', title: 'Created', className: 'cell-age' },
  { sort: 'activity', title: 'Active', className: 'cell-activity' },
]

export function FleetTable({ rows, selection }: { rows: readonly Row[]; selection: Selection }) {
  return (
    <VirtualList
      label="Workspaces"
      items={rows}
      keyOf={(row) => (row.kind === 'group' ? `group ${row.key}` : row.workspace.id)}
      rowHeight={isNarrow.value ? NARROW_ROW : WIDE_ROW}
      columns={shownColumns().length + 1}
      header={<Header selection={selection} />}
      renderRow={(row, attributes) =>
        row.kind === 'group' ? (
          <div role="row" class="list-row list-group" {...attributes}>
            <span role="rowheader" aria-colspan={shownColumns().length + 1}>
              {row.title} <span class="muted">{row.count}</span>
            </span>
          </div>
        ) : (
          <WorkspaceRow
            key={attributes.key}
            workspace={row.workspace}
            depth={row.depth}
            attributes={attributes}
          />
        )
      }
    />
  )
}

function Header({ selection }: { selection: Selection }) {
  return (
    <div role="row" class="list-row list-header" aria-rowindex={1}>
      {shownColumns().map(({ className, sort, title }) => {
        const isSorted = selection.sort === sort
        return (
          <span
            key={sort}
            role="columnheader"
            class={className}
            aria-sort={isSorted ? (selection.isReversed ? 'descending' : 'ascending') : undefined}
          >
            <button
              type="button"
              class="sort"
              onClick={() => setQuery({ sort: isSorted && !selection.isReversed ? `-${sort}` : sort })}
            >
              {title}
              {isSorted && <span aria-hidden="true">{selection.isReversed ? ' ↓' : ' ↑'}</span>}
            </button>
          </span>
        )
      })}
      <span role="columnheader" class="cell-note">
        What happens
      </span>
    </div>
  )
}

type WorkspaceRowProps = {
  workspace: Workspace
  depth: number
  attributes: RowAttributes
}

function WorkspaceRow({ attributes, depth, workspace }: WorkspaceRowProps) {
  const { id, labels, machine_region, name, region, runtime, status, tier } = workspace
  const cost = costs.value.get(id)
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`)
  return (
    <div role="row" class="list-row" {...attributes}>
      <span role="cell" class="cell-status">
        <Status status={status} />
      </span>
      <span role="rowheader" class={`cell-name depth-${Math.min(depth, 6)}`}>
        <a class="row-link" href={linkToWorkspace(id)} title={name}>
          {name}
        </a>
        {pairs.slice(0, 2).map((pair) => (
          <span key={pair} class="tag tag-label">
            {pair}
          </span>
        ))}
      </span>
      <span role="cell" class="cell-runtime">
        {runtime} {tier !== null && <span class="muted">· tier {tier}</span>}
      </span>
      <span role="cell" class="cell-region">
        {machine_region ?? region ?? <span class="muted">–</span>}
      </span>
      {hasPrices.value && (
        <span role="cell" class="cell-cost">
          {cost === undefined ? <span class="muted">{fleet.value === undefined ? '' : '–'}</span> : usd(cost)}
        </span>
      )}
      <span role="cell" class="cell-age">
        <Time at={workspace.created_at} />
      </span>
      <span role="cell" class="cell-activity">
        <Time at={workspace.last_active_at} />
      </span>
      <span role="cell" class="cell-note">
        <Note workspace={workspace} />
      </span>
    </div>
  )
}

/** The most important thing to say of a workspace, in one line. */
function Note({ workspace }: { workspace: Workspace }) {
  const { active_tasks, current_task, drift, needs_restart, reason, status } = workspace
  if (reason !== null) {
    const isBad = status === 'failed' || status === 'offline' || status === 'degraded'
    return (
      <span class={isBad ? 'note-bad' : 'muted'} title={`${reason.message} ${reason.hint}`}>
        <strong>{words(reason.code)}</strong> {reason.message}
      </span>
    )
  }
  if (active_tasks > 0) return <span title={current_task}>{current_task || `${active_tasks} tasks`}</span>
  if (drift.length > 0)
    return <span class="note-warn">The machine differs: {drift.map(({ field }) => field).join(', ')}</span>
  if (needs_restart) return <span class="note-warn">A change waits for a restart</span>
  return <span class="muted">{workspace.role ?? ''}</span>
}
