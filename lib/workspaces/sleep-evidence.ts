// The evidence of each decision to let a workspace sleep or to keep it awake, for `explain`.
import { TRANSITIONS, wakeTime } from '../lifecycle/lifecycle.ts'
import type { Workspace } from '../lifecycle/workspace.ts'
import type { Hold } from './holds.ts'

export type SleepEvidence = {
  policy: { idle_minutes: number | null; on_outside_stop: Workspace['onOutsideStop'] }
  /** When it was last used; null while it is at work or does not run. */
  idle_since: string | null
  /** When its idle policy hibernates it if nothing happens; null: it does not. */
  hibernates_at: string | null
  active_tasks: number
  /** The work that is known to be under way. */
  at_work: string | null
  holds: { id: string; until: string; reason: string; created_by: string }[]
  /** When it wakes by itself; null: never. */
  wakes_at: string | null
  next_schedule: { name: string; at: string } | null
  /** Why it is awake, or asleep, in sentences. */
  because: string[]
}

type Known = { holds: Hold[]; work: string | undefined; next: { name: string; at: Date } | undefined }

const isAwake = ({ status }: Workspace) => TRANSITIONS.hibernate_requested.from.includes(status)

/** Pure. */
export function sleepEvidence(row: Workspace, known: Known): SleepEvidence {
  const { holds, next, work } = known
  const isIdle = isAwake(row) && work === undefined
  const idleSince = isIdle ? row.lastActiveAt : null
  const sleepsAt =
    idleSince === null || row.idleMinutes === null
      ? null
      : new Date(
          Math.max(
            idleSince.getTime() + row.idleMinutes * 60_000,
            ...holds.map(({ until }) => until.getTime()),
          ),
        )
  return {
    policy: { idle_minutes: row.idleMinutes, on_outside_stop: row.onOutsideStop },
    idle_since: idleSince?.toISOString() ?? null,
    hibernates_at: sleepsAt?.toISOString() ?? null,
    active_tasks: row.activeTasks,
    at_work: work ?? null,
    holds: holds.map(({ createdBy, id, reason, until }) => ({
      id,
      until: until.toISOString(),
      reason,
      created_by: createdBy,
    })),
    wakes_at: wakeTime(row)?.toISOString() ?? null,
    next_schedule: next === undefined ? null : { name: next.name, at: next.at.toISOString() },
    because: isAwake(row)
      ? whyAwake(row, known, idleSince, sleepsAt)
      : row.status === 'hibernated'
        ? whyAsleep(row, known)
        : row.status === 'paused'
          ? ['It is paused, and only a resume or a restart wakes it.']
          : [],
  }
}

function whyAwake(
  row: Workspace,
  { holds, work }: Known,
  idleSince: Date | null,
  sleepsAt: Date | null,
): string[] {
  const why = [
    ...(row.idleMinutes === null ? ['It has no idle policy (idle_minutes).'] : []),
    ...(work === undefined ? [] : [`${work.charAt(0).toUpperCase()}${work.slice(1)}.`]),
    ...holds.map(({ reason, until }) => `A hold keeps it awake until ${until.toISOString()}: ${reason}`),
  ]
  return idleSince === null || sleepsAt === null
    ? why
    : [
        ...why,
        `It is idle since ${idleSince.toISOString()}, and is hibernated at ${sleepsAt.toISOString()} if it is not used.`,
      ]
}

function whyAsleep(row: Workspace, { next }: Known): string[] {
  const wakesAt = wakeTime(row)
  return [
    row.reason === null
      ? `It was hibernated at ${row.statusChangedAt.toISOString()}, by request or by its idle policy.`
      : `It sleeps since ${row.statusChangedAt.toISOString()}. ${row.reason.message}`,
    ...(wakesAt === null ? [] : [`It wakes by itself at ${wakesAt.toISOString()} (wake_at).`]),
    ...(next === undefined ? [] : [`The schedule ${next.name} wakes it at ${next.at.toISOString()}.`]),
  ]
}
