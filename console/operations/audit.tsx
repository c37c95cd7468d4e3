// The audit: who asked for which change, from where, and what came of it. The newest entries first, older ones page by page.
import type { components, paths } from '../../client/client.ts'
import { route, setQuery } from '../route.ts'
import { currentClient } from '../session/session.ts'
import { ReadAgain } from '../ui/read-again.tsx'
import { ResourceTable } from '../ui/resource-table.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { Time } from '../ui/time.tsx'
import { OlderButton, type Page, useOlder } from '../ui/older.tsx'
import { useResource } from '../ui/use-resource.ts'
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
  const key = String(
    new URLSearchParams(Object.entries(request).map(([name, value]) => [name, String(value)])),
  )
  const newest = useResource(() => readAudit(request), [key])
  const older = useOlder(`${key} ${newest.readAt}`, newest.value)

  return (
    <>
      <div class="tab-bar">
        <AuditFilters filter={filter} />
        <span class="bar-space" />
        <ReadAgain resource={newest} />
        <ShowCommands request={{ method: 'GET', path: `/audit?${key}` }} />
      </div>
      <ResourceTable
        resource={{ ...newest, value: older.rows }}
        empty="Nothing was asked for."
        columns={['When', 'Who', 'What', 'Workspace', 'Outcome', 'From']}
        renderRow={(entry) => <AuditRow key={entry.seq} entry={entry} />}
      />
      <OlderButton older={older} title="Older entries" />
    </>
  )
}

async function readAudit(query: AuditQuery): Promise<Page<Entry>> {
  const { data } = await currentClient().api.GET('/audit', { params: { query } })
  const rows = data?.audit ?? []
  const last = rows.length < PAGE ? undefined : rows.at(-1)
  return { rows, readNext: last && (() => readAudit({ ...query, before: last.seq })) }
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
