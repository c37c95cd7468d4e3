// What the events of a time say of the fleet: how many workspaces had which status when, and what they failed of. Pure.
import type { Event, Workspace } from '../../../client/client.ts'
import { STATUSES } from '../selection.ts'

type Status = (typeof STATUSES)[number]

/** The status that an event leads to, and its workspace. */
type Change = { id: string; at: number; status: Status | 'removed' }

/** How many steps a chart has. */
const STEPS = 240

export type StatusHistory = {
  /** The end of each step, in milliseconds, ascending. */
  times: number[]
  /** For each status, how many workspaces had it at the end of each step. */
  counts: Record<Status, number[]>
}

const isStatus = (value: unknown): value is Change['status'] =>
  value === 'removed' || (STATUSES as readonly unknown[]).includes(value)

export function changesOf(events: readonly Event[]): Change[] {
  return events
    .flatMap(({ at, payload, workspace_id: id }) => {
      const status = 'status' in payload ? payload.status : undefined
      return id === null || !isStatus(status) ? [] : [{ id, at: Date.parse(at), status }]
    })
    .toSorted((a, b) => a.at - b.at)
}

/**
 * A workspace without an event has always had its present status. One with events is counted from the first of them: what it was
 * before is not known.
 * @param events all that are known until `to`, also from before `from`
 * @param from the beginning, and `to` the end, in milliseconds
 */
export function statusHistory(
  workspaces: ReadonlyMap<string, Workspace>,
  events: readonly Event[],
  from: number,
  to: number,
): StatusHistory {
  const changes = changesOf(events)
  const hasEvents = new Set(changes.map(({ id }) => id))
  // Workspaces that appear, and the status that they have from then on.
  const resting: Change[] = [...workspaces.values()]
    .filter(({ id }) => !hasEvents.has(id))
    .flatMap(({ created_at: at, id, status }) =>
      isStatus(status) ? [{ id, at: Date.parse(at), status }] : [],
    )
  const all = [...changes, ...resting].toSorted((a, b) => a.at - b.at)

  const current = new Map<string, Status>()
  const totals = Object.fromEntries(STATUSES.map((status) => [status, 0])) as Record<Status, number>
  const times: number[] = []
  const counts = Object.fromEntries(
    STATUSES.map((status) => [status, [] as number[]]),
  ) as StatusHistory['counts']
  let next = 0
  for (let step = 0; step <= STEPS; step++) {
    const time = from + ((to - from) * step) / STEPS
    for (let change = all[next]; change !== undefined && change.at <= time; change = all[++next]) {
      const before = current.get(change.id)
      if (before !== undefined) totals[before]--
      if (change.status === 'removed') {
        current.delete(change.id)
      } else {
        totals[change.status]++
        current.set(change.id, change.status)
      }
    }
    times.push(time)
    for (const status of STATUSES) counts[status].push(totals[status])
  }
  return { times, counts }
}

const TROUBLE: readonly unknown[] = ['failed', 'offline', 'degraded']

/** Why workspaces came into trouble since a time: reason codes, the most frequent first. */
export function troubleSince(events: readonly Event[], from: number): { code: string; count: number }[] {
  const codes = events.flatMap(({ at, payload, type }) => {
    if (Date.parse(at) < from || !('status' in payload) || !TROUBLE.includes(payload.status)) return []
    const reason = 'reason' in payload ? payload.reason : undefined
    return [typeof reason === 'object' && reason !== null && 'code' in reason ? reason.code : type]
  })
  return [...Map.groupBy(codes, (code) => code)]
    .map(([code, members]) => ({ code, count: members.length }))
    .toSorted((a, b) => b.count - a.count || (a.code < b.code ? -1 : 1))
}

/** When workspaces were created since a time, and how many seconds each took to its first ready, in the order of creation. */
export function readyTimes(workspaces: Iterable<Workspace>, from: number): { at: number; seconds: number }[] {
  return [...workspaces]
    .flatMap(({ created_at, ready_at }) => {
      const at = Date.parse(created_at)
      return ready_at === null || at < from ? [] : [{ at, seconds: (Date.parse(ready_at) - at) / 1000 }]
    })
    .toSorted((a, b) => a.at - b.at)
}
