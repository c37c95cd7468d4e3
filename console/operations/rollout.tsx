// One rollout as it goes on: its tranches, what became of each workspace, and the commands that it accepts.
import { useComputed } from '@preact/signals'
import { useRef } from 'preact/hooks'
import type { Event } from '../../client/client.ts'
import { recentEvents } from '../fleet/store.ts'
import { linkToWorkspace } from '../route.ts'
import { currentClient, mayAll } from '../session/session.ts'
import { Confirm } from '../ui/confirm.tsx'
import { Facts } from '../ui/facts.tsx'
import { plural, shortDigest } from '../ui/format.ts'
import { Icon } from '../ui/icons.tsx'
import { Problem } from '../ui/problem.tsx'
import { ShareBar } from '../ui/share-bar.tsx'
import { ShowCommands } from '../ui/show-commands.tsx'
import { Status } from '../ui/status.tsx'
import { Table } from '../ui/table.tsx'
import { Time } from '../ui/time.tsx'
import { type Resource, useResource } from '../ui/use-resource.ts'
import { useThrottled } from '../ui/use-throttled.ts'
import { linkToOperations } from './links.ts'
import {
  colourOf,
  type Member,
  ROLLOUT_COMMANDS,
  type RolloutProgress,
  RolloutState,
} from './rollout-state.tsx'

/** The progress is not read more often than this. */
const PAUSE_MS = 1_000

/** Workspaces that the page lists; those in trouble come first. */
const MOST_MEMBERS = 200

export function RolloutView({ id }: { id: string }) {
  const progress = useProgress(id)
  const rollout = progress.value
  return (
    <>
      <nav class="crumbs" aria-label="Where this is">
        <a href={linkToOperations('rollouts')}>
          <Icon name="back" /> Rollouts
        </a>
      </nav>
      {progress.problem !== undefined && <Problem problem={progress.problem} onRetry={progress.reload} />}
      {rollout !== undefined && (
        <>
          <div class="workspace-title">
            <h2 class="title">Rollout of {rollout.runtime}</h2>
            <RolloutState state={rollout.state} />
            <span class="bar-space" />
            <Commands rollout={rollout} reload={progress.reload} />
            <ShowCommands request={{ method: 'GET', path: `/rollouts/${id}` }} cli={['rollout', 'get', id]} />
          </div>
          {rollout.reason !== null && (
            <div class={rollout.state === 'completed' ? 'notice' : 'notice notice-bad'}>
              <p>{rollout.reason.message}</p>
              <p>{rollout.reason.hint}</p>
            </div>
          )}
          <RolloutFacts rollout={rollout} />
          <Tranches rollout={rollout} />
          <Members members={rollout.workspaces} />
        </>
      )}
    </>
  )
}

/** Read at the start, and again after events of the rollout or of its workspaces. */
function useProgress(id: string): Resource<RolloutProgress | undefined> {
  const members = useRef<ReadonlySet<string>>(new Set())
  const isOfRollout = ({ payload, workspace_id }: Event): boolean =>
    ('rollout_id' in payload && payload.rollout_id === id) ||
    ('by' in payload && payload.by === `rollout:${id}`) ||
    (workspace_id !== null && members.current.has(workspace_id))
  const newest = useComputed(() => recentEvents.value.find(isOfRollout)?.seq ?? 0)
  const throttled = useThrottled(newest.value, PAUSE_MS)
  return useResource(async () => {
    const { data } = await currentClient().api.GET('/rollouts/{id}', { params: { path: { id } } })
    members.current = new Set(data?.workspaces.map(({ workspace_id }) => workspace_id))
    return data
  }, [id, throttled])
}

function Commands({ reload, rollout }: { rollout: RolloutProgress; reload: () => void }) {
  if (!mayAll('operate')) return null
  return (
    <div class="verbs" role="group" aria-label="Commands">
      {ROLLOUT_COMMANDS.filter(({ from }) => from.includes(rollout.state)).map((command) => (
        <Confirm
          key={command.path}
          label={command.title}
          name={command.title}
          isDanger={command.isDanger}
          question={`${command.title} the rollout of ${rollout.runtime}?`}
          perform={async () => {
            await currentClient().api.POST(`/rollouts/{id}/${command.path}`, {
              params: { path: { id: rollout.id } },
            })
            reload()
          }}
        >
          <p>{command.text}</p>
        </Confirm>
      ))}
    </div>
  )
}

function RolloutFacts({ rollout }: { rollout: RolloutProgress }) {
  const { counts } = rollout
  return (
    <Facts
      facts={[
        ['Image', <code title={rollout.image}>{shortDigest(rollout.image)}</code>],
        ['Before it', <code title={rollout.previous_image}>{shortDigest(rollout.previous_image)}</code>],
        ['Failed', `${counts.failed}, ${rollout.max_failures} may`],
        ['Died', `${counts.deaths}, usual ${counts.expected_deaths.toFixed(1)}`],
        ['Busy, waited for', counts.waiting_busy],
        ['Asleep, updated when they wake', counts.waiting_idle],
        ['Started', <Time at={rollout.created_at} />],
        ['By', rollout.started_by],
      ]}
    />
  )
}

function Tranches({ rollout }: { rollout: RolloutProgress }) {
  const { state, tranche: current, tranches } = rollout
  const byTranche = Map.groupBy(rollout.workspaces, ({ tranche }) => tranche)
  return (
    <ol class="tranches" aria-label="Tranches">
      {tranches.map((target, index) => {
        const number = index + 1
        const before = tranches[index - 1] ?? 0
        const size = typeof target === 'number' && typeof before === 'number' ? target - before : undefined
        const isNow = number === current && state === 'running'
        const members = byTranche.get(number) ?? []
        return (
          <li key={number} class="tranche" aria-current={isNow ? 'step' : undefined}>
            <h3>
              Tranche {number}
              <span class="muted">
                {' '}
                · {size === undefined ? 'all that remain' : plural(size, 'workspace')}
              </span>
            </h3>
            <ShareBar shares={sharesOf(members, size)} />
            <p class="muted">{sentenceOf(rollout, number, members)}</p>
          </li>
        )
      })}
    </ol>
  )
}

const STATES = ['ready', 'updating', 'failed', 'left', 'restoring', 'restored'] as const

/** @param size undefined: not known before it begins */
function sharesOf(members: readonly Member[], size: number | undefined) {
  const shares = STATES.map((state) => ({
    name: state as string,
    status: colourOf(state),
    count: members.filter((member) => member.state === state).length,
  }))
  const missing = Math.max(0, (size ?? 0) - members.length)
  return [...shares, { name: 'not updated', status: 'none', count: missing }]
}

function sentenceOf(rollout: RolloutProgress, number: number, members: readonly Member[]): string {
  const ready = members.filter(({ state }) => state === 'ready').length
  const done = `${ready} of ${members.length} ready`
  if (rollout.state === 'rolling_back' || rollout.state === 'rolled_back') {
    const restored = members.filter(({ state }) => state === 'restored').length
    return members.length === 0
      ? 'was not reached'
      : `${restored} of ${members.length} have the earlier image`
  }
  if (number > rollout.tranche) return 'comes later'
  if (number < rollout.tranche || rollout.state === 'completed') return `${done}, over`
  if (rollout.state === 'halted') return `${done}, halted`
  return rollout.watching_since === null ? `${done}, being updated` : `${done}, being watched`
}

const TROUBLE_FIRST: Record<Member['state'], number> = {
  failed: 0,
  updating: 1,
  restoring: 2,
  left: 3,
  ready: 4,
  restored: 5,
}

function Members({ members }: { members: readonly Member[] }) {
  if (members.length === 0) return <p class="muted">No workspace has been reached yet.</p>
  const sorted = members.toSorted(
    (a, b) => TROUBLE_FIRST[a.state] - TROUBLE_FIRST[b.state] || b.tranche - a.tranche,
  )
  return (
    <>
      {members.length > MOST_MEMBERS && (
        <p class="muted">
          The first {MOST_MEMBERS} of {members.length} workspaces, those in trouble first.
        </p>
      )}
      <Table columns={['Workspace', 'Tranche', 'Progress', 'Status', 'Restarted', 'Ready', 'Why']}>
        {sorted.slice(0, MOST_MEMBERS).map((member) => (
          <tr key={member.workspace_id}>
            <th scope="row">
              <a href={linkToWorkspace(member.workspace_id)}>{member.name}</a>
            </th>
            <td>{member.tranche}</td>
            <td>
              <RolloutState state={member.state} />
            </td>
            <td>
              <Status status={member.status} />
            </td>
            <td>
              <Time at={member.started_at} />
            </td>
            <td>
              <Time at={member.ready_at} />
            </td>
            <td class="cell-wide">{member.reason?.message}</td>
          </tr>
        ))}
      </Table>
    </>
  )
}
