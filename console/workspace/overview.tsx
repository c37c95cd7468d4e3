// The explanation of a workspace as a picture: what is wanted, the machine, the agent, and the next step; with the reason, what
// survives which event, and what the last machine printed before it died.
import type { ComponentChildren } from 'preact'
import type { Workspace } from '../../client/client.ts'
import { currentClient } from '../session/session.ts'
import { shortDigest, words } from '../ui/format.ts'
import { Problem } from '../ui/problem.tsx'
import { Time } from '../ui/time.tsx'
import { useResource } from '../ui/use-resource.ts'
import { Table } from '../ui/table.tsx'
import { type Explanation, type Fate, readExplanation, type Survival } from './explanation.ts'
import { Timeline } from './timeline.tsx'
import { useNewestEvent } from './use-live.ts'

export function Overview({ workspace }: { workspace: Workspace }) {
  const { id } = workspace
  const newest = useNewestEvent(id)
  const explanation = useResource(() => readExplanation(currentClient(), id), [id, newest, workspace.status])
  if (explanation.value === undefined) {
    return explanation.problem === undefined ? (
      <p class="muted" role="status">
        Asking what is wanted and what is…
      </p>
    ) : (
      <Problem problem={explanation.problem} onRetry={explanation.reload} />
    )
  }
  return (
    <>
      {explanation.value.reason === null ? (
        <p class="overview-summary">{explanation.value.summary}</p>
      ) : (
        <WhyNotice status={explanation.value.status} reason={explanation.value.reason} />
      )}
      <Picture explanation={explanation.value} />
      <div class="columns">
        <Panel title="Timeline">
          <Timeline id={id} most={25} />
        </Panel>
        <div>
          <Details workspace={workspace} />
          <Panel title="What outlives what">
            <Survivals survives={explanation.value.survives} />
          </Panel>
        </div>
      </div>
      <LastLines explanation={explanation.value} />
    </>
  )
}

export function Panel({ children, title }: { title: string; children: ComponentChildren }) {
  return (
    <section class="panel">
      <h2>{title}</h2>
      {children}
    </section>
  )
}

function WhyNotice({ reason, status }: { status: string; reason: NonNullable<Explanation['reason']> }) {
  const isBad = status === 'failed' || status === 'offline' || status === 'degraded'
  return (
    <div class={isBad ? 'notice notice-bad' : 'notice'}>
      <p>
        <strong>{words(reason.code)}</strong> · {reason.message}
      </p>
      <p>{reason.hint}</p>
      {reason.provider !== undefined && (
        <details class="more">
          <summary>What the provider said</summary>
          <pre class="output">{reason.provider.text}</pre>
          <p class="muted">
            <small>
              Status {reason.provider.status ?? 'none'}
              {reason.provider.request_id !== null && `, request ${reason.provider.request_id}`}
            </small>
          </p>
        </details>
      )}
    </div>
  )
}

/** The chain from the wish to the next step. A link that is not as wanted is marked. */
function Picture({ explanation }: { explanation: Explanation }) {
  const { agent, machine, next, recoveries, wanted } = explanation
  const isMachineWrong =
    machine.drift.length > 0 ||
    machine.problem !== null ||
    machine.host === 'unreachable' ||
    machine.state === 'failed'
  const probe = agent.last_probe
  return (
    <ol class="picture" aria-label="From what is wanted to what comes next">
      <Link title="Wanted" headline={`machine ${wanted.machine}`} mark="none">
        {wanted.regions.length > 0 && <p>in {wanted.regions.join(', ')}</p>}
        <p class="muted">generation {wanted.generation}</p>
        {wanted.deadline_at !== null && (
          <p class="muted">
            given up <Time at={wanted.deadline_at} />
          </p>
        )}
      </Link>
      <Link
        title="Machine"
        headline={machine.state ?? machine.seen}
        mark={isMachineWrong ? 'bad' : machine.state === wanted.machine ? 'good' : 'none'}
      >
        <p>
          {machine.id === null ? 'none' : <code>{machine.id}</code>}
          {machine.region !== null && ` in ${machine.region}`}
        </p>
        {machine.problem !== null && <p class="note-bad">{machine.problem.message}</p>}
        {machine.host === 'unreachable' && <p class="note-bad">Its host does not answer.</p>}
        {machine.drift.map(({ actual, field, wanted }) => (
          <p key={field} class="note-warn">
            {field}: {actual}, wanted {wanted}
          </p>
        ))}
      </Link>
      <Link
        title="Agent"
        headline={
          probe === null
            ? agent.registered_at === null
              ? 'not registered'
              : 'registered'
            : probe.answered
              ? 'answers'
              : 'does not answer'
        }
        mark={probe === null ? 'none' : probe.answered ? 'good' : 'bad'}
      >
        {probe !== null && <p>{probe.detail}</p>}
        <p class="muted">
          heartbeat <Time at={agent.last_heartbeat_at} />
        </p>
        {agent.active_tasks > 0 && <p>{agent.active_tasks} tasks are running</p>}
        {agent.error_rate > 0 && (
          <p class="note-warn">{Math.round(agent.error_rate * 100)} % of its requests fail</p>
        )}
      </Link>
      <Link title="Next" headline={next.step === 'rest' ? 'at rest' : words(next.step)} mark="none">
        <p>{next.sentence}</p>
        {next.at !== null && (
          <p class="muted">
            <Time at={next.at} />
          </p>
        )}
        {recoveries.used > 0 && (
          <p class="note-warn">
            recovery {recoveries.used} of {recoveries.most}
          </p>
        )}
      </Link>
    </ol>
  )
}

type LinkProps = {
  title: string
  headline: string
  mark: 'good' | 'bad' | 'none'
  children: ComponentChildren
}

function Link({ children, headline, mark, title }: LinkProps) {
  return (
    <li class={`picture-link picture-${mark}`}>
      <h2>{title}</h2>
      <p class="picture-headline">{headline}</p>
      {children}
    </li>
  )
}

function Details({ workspace }: { workspace: Workspace }) {
  const { app, env_names, idle_minutes, image, labels, model, wake_at } = workspace
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`)
  const rows: [string, ComponentChildren][] = [
    [
      'Image',
      <code title={image ?? undefined}>{image === null ? 'of the runtime' : shortDigest(image)}</code>,
    ],
    ['Model', model],
    ['App', app],
    ['Labels', pairs.length === 0 ? null : pairs.join(', ')],
    ['Environment', env_names.length === 0 ? null : env_names.join(', ')],
    ['Hibernates after', idle_minutes === null ? 'never' : `${idle_minutes} min without work`],
    ['Wakes', wake_at === null ? null : <Time at={wake_at} />],
    ['A2A address', <code>{workspace.endpoint}</code>],
  ]
  return (
    <Panel title="Details">
      <dl class="details">
        {rows
          .filter(([, value]) => value !== null)
          .map(([term, value]) => (
            <div key={term}>
              <dt>{term}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
    </Panel>
  )
}

function Survivals({ survives }: { survives: readonly Survival[] }) {
  return (
    <Table columns={['Event', 'Disk', 'Memory', 'Other files']}>
      {survives.map(({ disk, event, memory, note, root_filesystem }) => (
        <tr key={event} title={note ?? undefined}>
          <th scope="row">{words(event)}</th>
          <FateCell fate={disk} />
          <FateCell fate={memory} />
          <FateCell fate={root_filesystem} />
        </tr>
      ))}
    </Table>
  )
}

const FateCell = ({ fate }: { fate: Fate | null }) => (
  <td class={fate === null ? 'muted' : `fate-${fate}`}>{fate ?? '–'}</td>
)

function LastLines({ explanation: { last_lines } }: { explanation: Explanation }) {
  if (last_lines === null) return null
  return (
    <Panel title="What the last machine printed before it ended">
      <p class="muted">
        <Time at={last_lines.at} />, {words(last_lines.reason)}
      </p>
      <pre class="output">{last_lines.lines.map(({ message }) => message).join('\n')}</pre>
    </Panel>
  )
}
