// Whether the events of one workspace are a possible history: every change of status follows the table of transitions, none
// is missing, none is recorded twice.
import { TRANSITIONS, type WorkspaceEvent } from '../../../lib/lifecycle/lifecycle.ts'

export type StoredEvent = {
  type: string
  generation: number
  payload: Record<string, unknown>
  at: Date
}

const isTransition = (type: string): type is WorkspaceEvent => Object.hasOwn(TRANSITIONS, type)

/**
 * Not events of disks and snapshots, which may outlive their workspace, and not what sweeps record about machines whose workspace may be gone
 * or may never have existed.
 */
const isAboutStatus = ({ type }: StoredEvent) => !/^(disk_|snapshot_|orphan_destroyed$)/.test(type)

/** @returns the problems of the history of a workspace that is now `status`, in words */
export function historyProblems(status: string, all: StoredEvent[]): string[] {
  const events = all.filter(isAboutStatus)
  const [first] = events
  if (first?.type !== 'workspace_created') return [`its first event is ${first?.type ?? 'missing'}`]
  const problems: string[] = []
  let current = String(first.payload['status'])
  let last: StoredEvent | undefined
  for (const event of events.slice(1)) {
    const to = String(event.payload['status'])
    if (event.type === 'workspace_created') problems.push('it was created twice')
    if (!isTransition(event.type)) {
      if (to !== current)
        problems.push(`${event.type} found it ${to}, and no event made it so from ${current}`)
    } else {
      const rule = TRANSITIONS[event.type]
      if (!(rule.from as readonly string[]).includes(current) || rule.to !== to)
        problems.push(`${event.type} moved it from ${current} to ${to}`)
      if (last !== undefined && isSame(last, event)) problems.push(`${event.type} was recorded twice`)
      last = event
    }
    current = to
  }
  if (current !== status) problems.push(`its events end in ${current}, and it is ${status}`)
  return problems
}

/** An event that ends a status cannot follow itself; those that keep it begin a new generation each time. */
const isSame = (one: StoredEvent, other: StoredEvent) =>
  one.type === other.type && one.generation === other.generation
