// What happens in the whole fleet, as it happens: the events since the page was opened.
import { useEffect } from 'preact/hooks'
import { recentEvents, workspaces } from '../fleet/store.ts'
import { linkToWorkspace, route, setQuery } from '../route.ts'
import { Empty } from '../ui/empty.tsx'
import { words } from '../ui/format.ts'
import { Icon } from '../ui/icons.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { EventItem } from '../workspace/timeline.tsx'

export function EventsView() {
  const text = route.value.query.get('q') ?? ''
  const nameOf = (id: string | null) => (id === null ? undefined : (workspaces.value.get(id)?.name ?? id))
  const needle = text.toLowerCase()
  const events = recentEvents.value.filter(
    ({ payload, type, workspace_id }) =>
      needle === '' ||
      [words(type), nameOf(workspace_id), JSON.stringify(payload)].join('\n').toLowerCase().includes(needle),
  )

  useEffect(() => {
    document.title = 'Events · Workspaces'
  }, [])

  return (
    <main class="page">
      <h1 tabIndex={-1}>Events</h1>
      <div class="tab-bar">
        <label class="search">
          <span class="visually-hidden">Search events</span>
          <Icon name="search" />
          <input
            type="search"
            placeholder="Search type, workspace, content"
            value={text}
            onInput={(event) => setQuery({ q: event.currentTarget.value })}
          />
        </label>
        <p class="muted">Since this page was opened, the newest 500.</p>
        <span class="bar-space" />
        <ShowCommands
          request={{ method: 'GET', path: '/events', headers: { Accept: 'text/event-stream' } }}
          cli={['events', '--follow']}
        />
      </div>
      {events.length === 0 ? (
        <Empty title={recentEvents.value.length === 0 ? 'Nothing has happened yet.' : 'No event matches.'}>
          Every change of a workspace is an event, and appears here at once. A workspace shows its older
          events itself.
        </Empty>
      ) : (
        <ol class="timeline">
          {events.map((event) => (
            <EventItem
              key={event.seq}
              event={event}
              workspace={
                event.workspace_id === null
                  ? undefined
                  : {
                      name: nameOf(event.workspace_id) ?? event.workspace_id,
                      link: linkToWorkspace(event.workspace_id),
                    }
              }
            />
          ))}
        </ol>
      )}
    </main>
  )
}
