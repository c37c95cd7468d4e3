// The audit: who asked for which change, from where, and what came of it. The newest entries first, older ones page by page.
import { useState } from 'preact/hooks'
import type { components, paths } from '../../client/client.ts'
import { route, setQuery } from '../route.ts'
import { currentClient } from '../session/session.ts'
import { ReadAgain } from '../ui/read-again.tsx'
import { ResourceTable } from '../ui/resource-table.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { Time } from '../ui/time.tsx'
import { useAction } from '../ui/use-action.ts'
import { useResource } from '../ui/use-resource.ts'
import { Problem } from '../ui/problem.tsx'
import { WorkspaceName } from '../ui/workspace-name.tsx'

type Entry = components['schemas']['AuditEntry']
type AuditQuery = NonNullable<paths['/audit']['get']['parameters']['query']>

const PAGE = 100

const OUTCOMES = ['ok', 'refused', 'failed'] as const

export function Audit() {
  const { query } = route.value
  const filter = {
    outcome: OUTCOMES.find((outcome) => outcome === query.get('outcome')),
    caller: query.get('caller') ?? '',
    route: query.get('route') ?? '',
    workspace: query.get('workspace') ?? '',
  }
  const request: AuditQuery = {
    limit: PAGE,
    ...(filter.outcome === undefined ? {} : { outcome: filter.outcome }),
    ...(filter.caller === '' ? {} : { caller: filter.caller }),
    ...(filter.route === '' ? {} : { route: filter.route }),
    ...(filter.workspace === '' ? {} : { workspace_id: filter.workspace }),
  }
  const [older, setOlder] = useState<{ of: Entry | undefined; entries: readonly Entry[]; isEnd: boolean }>()
  const key = new URLSearchParams(Object.entries(request).map(([name, value]) => [name, String(value)]))
  const newest = useResource(() => readAudit(request), [String(key)])
  // Older entries belong to one reading of the newest ones.
  const more = older !== undefined && older.of === newest.value?.[0] ? older : undefined
  const entries = newest.value && [...newest.value, ...(more?.entries ?? [])]
  const isEnd = more?.isEnd ?? (newest.value?.length ?? 0) < PAGE
  const readOlder = useAction(async () => {
    const last = entries?.at(-1)
    if (last === undefined) return
    const page = await readAudit({ ...request, before: last.seq })
    setOlder({
      of: newest.value?.[0],
      entries: [...(more?.entries ?? []), ...page],
      isEnd: page.length < PAGE,
    })
  })

  return (
    <>
      <div class="tab-bar">
        <AuditFilters filter={filter} />
        <span class="bar-space" />
        <ReadAgain resource={newest} />
        <ShowCommands request={{ method: 'GET', path: `/audit?${key}` }} />
      </div>
      <ResourceTable
        resource={{ ...newest, value: entries }}
        empty="Nothing was asked for."
        columns={['When', 'Who', 'What', 'Workspace', 'Outcome', 'From']}
        renderRow={(entry) => <AuditRow key={entry.seq} entry={entry} />}
      />
      {readOlder.problem !== undefined && <Problem problem={readOlder.problem} />}
      {entries !== undefined && !isEnd && (
        <p>
          <button type="button" class="button" disabled={readOlder.isBusy} onClick={() => readOlder.run()}>
            Older entries
          </button>
        </p>
      )}
    </>
  )
}

async function readAudit(query: AuditQuery): Promise<Entry[]> {
  const { data } = await currentClient().api.GET('/audit', { params: { query } })
  return data?.audit ?? []
}

type Filter = { outcome: string | undefined; caller: string; route: string }

function AuditFilters({ filter }: { filter: Filter }) {
  return (
    <>
      <label class="inline-field">
        <span>Outcome</span>
        <select
          value={filter.outcome ?? ''}
          onChange={(event) => setQuery({ outcome: event.currentTarget.value })}
        >
          <option value="">all</option>
          {OUTCOMES.map((outcome) => (
            <option key={outcome}>{outcome}</option>
          ))}
        </select>
      </label>
      <label class="inline-field">
        <span>Who</span>
        <input
          value={filter.caller}
          placeholder="admin"
          onChange={(event) => setQuery({ caller: event.currentTarget.value.trim() })}
        />
      </label>
      <label class="inline-field">
        <span>What</span>
        <input
          value={filter.route}
          placeholder="POST /workspaces"
          onChange={(event) => setQuery({ route: event.currentTarget.value.trim() })}
        />
      </label>
    </>
  )
}

const OUTCOME_CLASSES: Record<Entry['outcome'], string> = {
  ok: 'muted',
  refused: 'note-warn',
  failed: 'note-bad',
}

function AuditRow({ entry }: { entry: Entry }) {
  const { address, at, caller, caller_name, command, outcome, request_id, status, user_agent } = entry
  return (
    <tr title={`Request ${request_id}`}>
      <td>
        <Time at={at} />
      </td>
      <td>
        {caller_name ?? caller}
        {caller_name !== null && <span class="muted"> {caller}</span>}
      </td>
      <td class="cell-wide">
        <code>{entry.route}</code>
        {command !== undefined && (
          <span class="muted">
            {' '}
            runs <code>{command}</code>
          </span>
        )}
      </td>
      <td>{entry.workspace_id !== null && <WorkspaceName id={entry.workspace_id} />}</td>
      <td class={OUTCOME_CLASSES[outcome]}>
        {outcome} {status}
      </td>
      <td class="cell-wide">
        {address} {user_agent !== null && <span class="muted">{user_agent}</span>}
      </td>
    </tr>
  )
}
