// The fleet: totals, filters, and the list of workspaces.
import { useComputed } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { route, setQuery } from '../route.ts'
import { mayAll } from '../session/session.ts'
import { Empty } from '../ui/empty.tsx'
import { plural } from '../ui/format.ts'
import { Charts } from './charts/charts.tsx'
import { chosenSpan } from './charts/spans.ts'
import { costs } from './cost.ts'
import { FirstRun } from './first-run.tsx'
import { FleetTable } from './fleet-table.tsx'
import { FleetToolbar } from './fleet-toolbar.tsx'
import { readSelection, selectRows } from './selection.ts'
import { isLoaded, workspaces } from './store.ts'
import { Summary } from './summary.tsx'

export function FleetView() {
  const selection = useComputed(() => readSelection(route.value.query))
  const rows = useComputed(() => selectRows(workspaces.value.values(), selection.value, costs.value))
  const shown = useComputed(() => rows.value.filter(({ kind }) => kind === 'workspace').length)

  const span = chosenSpan()

  useEffect(() => {
    document.title = 'Fleet · Workspaces'
  }, [])

  if (!isLoaded.value) {
    return (
      <main class="page">
        <h1 tabIndex={-1}>Fleet</h1>
        <p class="muted" role="status">
          Reading the workspaces…
        </p>
      </main>
    )
  }
  if (workspaces.value.size === 0) {
    return (
      <main class="page">
        <h1 tabIndex={-1}>Fleet</h1>
        {mayAll('operate') ? (
          <FirstRun />
        ) : (
          <Empty title="There are no workspaces yet.">A new workspace appears here at once.</Empty>
        )}
      </main>
    )
  }
  return (
    <main class="page page-list">
      <h1 class="visually-hidden" tabIndex={-1}>
        Fleet
      </h1>
      <Summary />
      {span !== undefined && <Charts key={span.name} span={span} />}
      <FleetToolbar selection={selection.value} />
      <p class="visually-hidden" role="status">
        {plural(shown.value, 'workspace')} shown
      </p>
      {shown.value === 0 ? (
        <Empty title="No workspace matches the filters.">
          <button type="button" class="button" onClick={() => setQuery({ q: '', status: '', group: '' })}>
            Clear the filters
          </button>
        </Empty>
      ) : (
        <FleetTable rows={rows.value} selection={selection.value} />
      )}
    </main>
  )
}
