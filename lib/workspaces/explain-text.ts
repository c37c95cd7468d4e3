// The explanation of a workspace as text for people.
import type { StoredReason } from '../../drizzle/schema/index.ts'
import { printable } from '../platform/printable.ts'
import type { Explanation } from './explain.ts'
import { diskLine } from './explain-disk.ts'

/** The explanation as text for people. */
export function toText(explanation: Explanation): string {
  const { agent, last_failure: failure, last_lines: lastLines, machine, next, reason, wanted } = explanation
  const lines = [
    `${explanation.name} (${explanation.id}) is ${explanation.status} since ${explanation.since}.`,
    explanation.summary,
    '',
    `wanted   machine ${wanted.machine}, generation ${wanted.generation}${placesOf(wanted.regions)}${wanted.needs_restart ? '; changes wait for a restart' : ''}`,
    machineLine(machine),
    ...machine.drift.map(
      ({ actual, field, wanted: was }) => `drift    ${field}: ${actual}, requested: ${was}`,
    ),
    ...(machine.problem === null ? [] : [`problem  ${machine.problem.code}: ${machine.problem.message}`]),
    `agent    registered ${agent.registered_at ?? 'never'}, last heartbeat ${agent.last_heartbeat_at ?? 'never'}, ${agent.active_tasks} tasks, error rate ${agent.error_rate}`,
    ...(agent.last_probe === null ? [] : [`probe    ${agent.last_probe.at} ${agent.last_probe.detail}`]),
    diskLine(explanation.disk),
    `next     ${next.sentence}${next.at === null ? '' : ` (${next.at})`}`,
    ...(wanted.deadline_at === null ? [] : [`deadline ${wanted.deadline_at}`]),
    ...(wanted.machine_kept_until === null
      ? []
      : [`kept     the machine, until ${wanted.machine_kept_until}`]),
    ...explanation.sleep.because.map((sentence) => `sleep    ${sentence}`),
    ...(reason === null ? [] : [`reason   ${reason.code}${requestOf(reason)}`]),
    ...(failure === null
      ? []
      : [`failure  ${failure.at} ${failure.code}${requestOf(failure)}: ${failure.message}`]),
    ...(lastLines === null
      ? []
      : [
          `log      of machine ${lastLines.machine_id}, which ended at ${lastLines.at} (${lastLines.reason}):`,
          ...lastLines.lines.map(({ message, time }) => `  ${time} ${printable(message)}`),
        ]),
    `recovered ${explanation.recoveries.used} of ${explanation.recoveries.most} times`,
    '',
    ...explanation.recent_events.map(
      ({ at, payload, type }) =>
        `${at}  ${type}${typeof payload['by'] === 'string' ? ` by ${payload['by']}` : ''}`,
    ),
    '',
  ]
  return lines.join('\n')
}

function machineLine({ app, host, id, region, seen, state }: Explanation['machine']): string {
  const parts = [
    ` ${id ?? 'none'}${app === null ? '' : ` in app ${app}`}: ${seen}`,
    ...(state === null ? [] : [`, ${state}`]),
    ...(region === null ? [] : [` in ${region}`]),
    ...(host === 'unreachable' ? [', its host does not answer'] : []),
  ]
  return `machine ${parts.join('')}`
}

const requestOf = ({ provider }: StoredReason) =>
  provider?.request_id == null ? '' : ` (request ${provider.request_id} of the provider)`

/** An external workspace has no region. */
const placesOf = (regions: string[]): string => (regions.length === 0 ? '' : `, in ${regions.join(' or ')}`)
