// The filters of the list: words, statuses, groups. They are in the address.
import { useEffect, useRef } from 'preact/hooks'
import { setQuery } from '../route.ts'
import { Icon } from '../ui/icons.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { chosenSpan, SPANS } from './charts/spans.ts'
import { type Selection, STATUSES } from './selection.ts'
import { workspaces } from './store.ts'

export function FleetToolbar({ selection }: { selection: Selection }) {
  const search = useRef<HTMLInputElement>(null)
  useSlashKey(() => search.current?.focus())
  const all = [...workspaces.value.values()]
  const labels = [...new Set(all.flatMap(({ labels }) => Object.keys(labels)))].toSorted()
  const counts = Map.groupBy(all, ({ status }) => status)

  return (
    <div class="toolbar" role="search">
      <label class="search">
        <span class="visually-hidden">Search by name, id, runtime, label or reason</span>
        <Icon name="search" />
        <input
          ref={search}
          type="search"
          placeholder="Search name, id, label, reason"
          value={selection.text}
          onInput={(event) => setQuery({ q: event.currentTarget.value })}
        />
        <kbd aria-hidden="true">/</kbd>
      </label>
      <div class="chips" role="group" aria-label="Filter by status">
        {STATUSES.map((status) => ({ status, count: counts.get(status)?.length ?? 0 }))
          .filter(({ count, status }) => count > 0 || selection.statuses.includes(status))
          .map(({ count, status }) => (
            <button
              key={status}
              type="button"
              class={`chip status-${status}`}
              aria-pressed={selection.statuses.includes(status)}
              onClick={() => setQuery({ status: toggled(selection.statuses, status).join(',') })}
            >
              <span class="status-mark" aria-hidden="true" />
              {status} <span class="chip-count">{count}</span>
            </button>
          ))}
      </div>
      <span class="bar-space" />
      <label class="inline-field">
        <span>Group by</span>
        <select value={selection.group} onChange={(event) => setQuery({ group: event.currentTarget.value })}>
          <option value="">nothing</option>
          <option value="tree">tree</option>
          <option value="status">status</option>
          <option value="region">region</option>
          <option value="runtime">runtime</option>
          {labels.map((label) => (
            <option key={label} value={`label:${label}`}>
              label {label}
            </option>
          ))}
        </select>
      </label>
      <label class="inline-field">
        <span>Charts</span>
        <select
          value={chosenSpan()?.name ?? 'off'}
          onChange={(event) => setQuery({ charts: event.currentTarget.value })}
        >
          <option value="off">off</option>
          {SPANS.map(({ name }) => (
            <option key={name} value={name}>
              last {name}
            </option>
          ))}
        </select>
      </label>
      <ShowCommands
        request={{ method: 'GET', path: `/workspaces${statusQuery(selection.statuses)}` }}
        cli={['ls', ...selection.statuses.flatMap((status) => ['--status', status])]}
      />
    </div>
  )
}

const toggled = (list: readonly string[], item: string): string[] =>
  list.includes(item) ? list.filter((other) => other !== item) : [...list, item]

function statusQuery(statuses: readonly string[]): string {
  const query = new URLSearchParams(statuses.map((status) => ['status', status]))
  return query.size === 0 ? '' : `?${query}`
}

/** `/` leads to the search, as on other pages of this kind, unless the user is writing. */
function useSlashKey(action: () => void): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return
      if (/^(INPUT|TEXTAREA|SELECT)$/.test((event.target as HTMLElement).tagName)) return
      event.preventDefault()
      action()
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [])
}
