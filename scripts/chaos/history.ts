// Whether the events of one workspace tell a possible story: every change of status follows the table of transitions, none
// is missing, none is told twice.
import { TRANSITIONS, type WorkspaceEvent } from '../../lib/lifecycle/lifecycle.ts'

export type StoredEvent = {
  type: string
  generation: number
  payload: Record<string, unknown>
  at: Date
}

const isTransition = (type: string): type is WorkspaceEvent => Object.hasOwn(TRANSITIONS, type)

/** Told by sweeps about machines, whose workspace may be long gone or never have been. */
const isAboutStatus = ({ type }: StoredEvent) => type !== 'orphan_destroyed'

/** @returns what is wrong with the story of a workspace that is now `status`, in words */
export function wrongsOf(status: string, all: StoredEvent[]): string[] {
  const events = all.filter(isAboutStatus)
  const [first] = events
  if (first?.type !== 'workspace_created') return [`its first event is ${first?.type ?? 'missing'}`]
  const wrongs: string[] = []
  let current = String(first.payload['status'])
  let last: StoredEvent | undefined
  for (const event of events.slice(1)) {
    const to = String(event.payload['status'])
    if (event.type === 'workspace_created') wrongs.push('it was created twice')
    if (!isTransition(event.type)) {
      if (to !== current) wrongs.push(`${event.type} found it ${to}, and no event made it so from ${current}`)
    } else {
      const rule = TRANSITIONS[event.type]
      if (!(rule.from as readonly string[]).includes(current) || rule.to !== to)
        wrongs.push(`${event.type} moved it from ${current} to ${to}`)
      if (last !== undefined && isSame(last, event)) wrongs.push(`${event.type} was told twice`)
      last = event
    }
    current = to
  }
  if (current !== status) wrongs.push(`its events end in ${current}, and it is ${status}`)
  return wrongs
}

/** An event that ends a status cannot follow itself; those that keep it begin a new generation each time. */
const isSame = (one: StoredEvent, other: StoredEvent) =>
  one.type === other.type && one.generation === other.generation
