// What the agent did and was asked, as it and the proxy reported it.
import type { components } from '../../client/client.ts'
import { currentClient } from '../session/session.ts'
import { Empty } from '../ui/empty.tsx'
import { duration, words } from '../ui/format.ts'
import { Problem } from '../ui/problem.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { Time } from '../ui/time.tsx'
import { useResource } from '../ui/use-resource.ts'

type Entry = components['schemas']['Activity']

const LIMIT = 100

export function Activity({ id }: { id: string }) {
  const activity = useResource(async () => {
    const { data } = await currentClient().api.GET('/workspaces/{id}/activity', {
      params: { path: { id }, query: { limit: LIMIT } },
    })
    return data ?? []
  }, [id])
  return (
    <>
      <div class="tab-bar">
        <p class="muted">The newest {LIMIT} entries.</p>
        <span class="actions">
          <button type="button" class="button" onClick={activity.reload}>
            Read again
          </button>
          <ShowCommands request={{ method: 'GET', path: `/workspaces/${id}/activity?limit=${LIMIT}` }} />
        </span>
      </div>
      {activity.problem !== undefined && <Problem problem={activity.problem} onRetry={activity.reload} />}
      {activity.value?.length === 0 && (
        <Empty title="Nothing was done yet.">
          Messages to the agent, and what it reports with <code>POST /workspaces/:id/activity</code>, appear
          here.
        </Empty>
      )}
      <ul class="entries">
        {activity.value?.map((entry) => (
          <EntryView key={entry.id} entry={entry} />
        ))}
      </ul>
    </>
  )
}

function EntryView({ entry }: { entry: Entry }) {
  const {
    activity_type,
    created_at,
    duration_ms,
    error_detail,
    method,
    request_body,
    response_body,
    status,
    summary,
  } = entry
  const details = {
    ...(request_body == null ? {} : { request: request_body }),
    ...(response_body == null ? {} : { response: response_body }),
  }
  return (
    <li class="entry">
      <div class="entry-head">
        <span class="tag">{words(activity_type)}</span>
        <strong>{summary || method || ''}</strong>
        <span class="bar-space" />
        <span class={status === 'error' ? 'note-bad' : 'muted'}>{status}</span>
        {duration_ms !== null && (
          <span class="muted">{duration_ms < 1000 ? `${duration_ms} ms` : duration(duration_ms)}</span>
        )}
        <span class="muted">
          <Time at={created_at} />
        </span>
      </div>
      {error_detail !== null && <p class="note-bad">{error_detail}</p>}
      {Object.keys(details).length > 0 && (
        <details class="more">
          <summary>Details</summary>
          <pre class="output">{JSON.stringify(details, null, 2)}</pre>
        </details>
      )}
    </li>
  )
}
