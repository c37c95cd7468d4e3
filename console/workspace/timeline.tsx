// The newest events of a workspace, with what each says.
import type { Event } from '../../client/client.ts'
import { fullTime, shortDigest, timeOfDay, words } from '../ui/format.ts'
import { Problem } from '../ui/problem.tsx'
import { useEvents } from './use-events.ts'

/** @param most how many are shown */
export function Timeline({ id, most }: { id: string; most: number }) {
  const events = useEvents(id, most)
  if (events.value === undefined)
    return events.problem === undefined ? null : <Problem problem={events.problem} onRetry={events.reload} />
  return (
    <ol class="timeline">
      {events.value.map((event) => (
        <EventItem key={event.seq} event={event} />
      ))}
    </ol>
  )
}

/** `workspace`: where the list has events of many. */
type EventItemProps = { event: Event; workspace?: { name: string; link: string } | undefined }

export function EventItem({ event, workspace }: EventItemProps) {
  const { at, payload, type } = event
  const status = 'status' in payload ? String(payload.status) : undefined
  return (
    <li class="event">
      <time dateTime={at} title={fullTime(at)}>
        {timeOfDay(at)}
      </time>
      <span class={`event-mark ${status === undefined ? '' : `status-${status}`}`} aria-hidden="true" />
      <div class="event-body">
        <span class="event-type">{words(type)}</span>
        {status !== undefined && <span class={`event-status status-${status}`}>{status}</span>}
        {workspace !== undefined && (
          <a class="event-name" href={workspace.link}>
            {workspace.name}
          </a>
        )}
        <p class="event-text">{textOf(payload)}</p>
      </div>
    </li>
  )
}

/** The mark and the words beside it say these. */
const SHOWN_ELSEWHERE = ['name', 'status']

/** The members of a payload that say something to people: the reason in words, then the others as pairs. */
export function textOf(payload: object): string {
  const { by, reason, ...rest } = payload as Record<string, unknown>
  const why = typeof reason === 'object' && reason !== null && 'message' in reason ? reason.message : reason
  const pairs = Object.entries(rest)
    .filter(([key, value]) => !SHOWN_ELSEWHERE.includes(key) && value !== null && typeof value !== 'object')
    .map(([key, value]) => `${words(key)} ${shortDigest(String(value))}`)
  return [
    ...(typeof why === 'string' ? [why] : []),
    ...pairs,
    ...(typeof by === 'string' ? [`by ${by}`] : []),
  ].join(' · ')
}
