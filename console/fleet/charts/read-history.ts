// The changes of status that the charts are made of: read once for their time, from the newest backwards, and then followed with the
// events that the page receives.
import { effect, type Signal, signal } from '@preact/signals'
import type { Client, Event, EventType } from '../../../client/client.ts'
import { connection } from '../../session/connection.ts'
import { recentEvents } from '../store.ts'

/** The types whose payload has a new status. */
const STATUS_EVENTS = [
  'workspace_created',
  'restart_requested',
  'pause_requested',
  'resume_requested',
  'hibernate_requested',
  'wake_requested',
  'removed',
  'agent_answered',
  'agent_lost',
  'agent_silent',
  'drift_undone',
  'http_not_offered',
  'http_offered',
  'trouble_reported',
  'trouble_ended',
  'machine_stopped',
  'stop_accepted',
  'machine_lost',
  'host_full',
  'gave_up',
] as const satisfies readonly EventType[]

const isStatusEvent = ({ type }: Event): boolean => (STATUS_EVENTS as readonly string[]).includes(type)

/** The largest page of the newest events. */
const PAGE = 1_000

/** A busy fleet has more events in a day than a page should hold: the charts then show a shorter time, and say so. */
const MOST = 5_000

export type History = {
  /** Ascending. */
  events: readonly Event[]
  /** Where older events were left out: nothing is known of the time before, in milliseconds. */
  from: number | undefined
}

/** @param from the beginning of the time that the charts show, in milliseconds */
export function followHistory(
  client: Client,
  from: number,
): { history: Signal<History | undefined>; problem: Signal<unknown>; stop: () => void } {
  const history = signal<History | undefined>(undefined)
  const problem = signal<unknown>(undefined)
  const over = new AbortController()
  // Events that arrive while older ones are read are added to them.
  let arrived: Event[] = []
  let lastSeq = 0
  const stopFollowing = effect(() => {
    const fresh = recentEvents.value
      .filter((event) => event.seq > lastSeq && isStatusEvent(event))
      .toReversed()
    lastSeq = Math.max(lastSeq, recentEvents.value[0]?.seq ?? 0)
    arrived.push(...fresh)
  })
  const timer = setInterval(merge, MERGE_MS)

  /** Adds what has arrived. The oldest events go when there are too many. */
  function merge(): void {
    const before = history.peek()
    if (before === undefined || arrived.length === 0) return
    const newest = before.events.at(-1)?.seq ?? 0
    const all = [...before.events, ...arrived.filter(({ seq }) => seq > newest)]
    arrived = []
    const kept = all.slice(-MOST)
    const isCut = kept.length < all.length
    history.value = { events: kept, from: isCut ? Date.parse(kept[0]?.at ?? '') : before.from }
  }

  async function load(): Promise<void> {
    try {
      history.value = await readHistory(client, from, over.signal)
      problem.value = undefined
      merge()
    } catch (error) {
      problem.value = error
    }
  }

  void load()
  // What failed because the server could not be reached is read when it can be.
  const stopReloading = effect(() => {
    if (connection.value.state === 'live' && problem.peek() !== undefined) void load()
  })
  return {
    history,
    problem,
    stop() {
      over.abort()
      clearInterval(timer)
      stopFollowing()
      stopReloading()
    },
  }
}

const MERGE_MS = 2_000

/** Reads backwards, page by page, and one page more than the time: a workspace is counted from its first event. */
async function readHistory(client: Client, from: number, signal: AbortSignal): Promise<History> {
  let events: Event[] = []
  let oldest: Event | undefined
  while (events.length < MOST) {
    const page: Event[] = []
    // Events of the same millisecond may be on both sides, so it is read twice.
    const until = oldest === undefined ? undefined : new Date(Date.parse(oldest.at) + 1).toISOString()
    for await (const event of client.listEvents({ types: STATUS_EVENTS, tail: PAGE, until })) page.push(event)
    if (signal.aborted) break
    const seen = oldest?.seq ?? Number.POSITIVE_INFINITY
    const older = page.filter(({ seq }) => seq < seen)
    events = [...older, ...events]
    oldest = events[0]
    const isReached = oldest === undefined || Date.parse(oldest.at) < from
    if (older.length === 0 || page.length < PAGE || isReached) return { events, from: undefined }
  }
  return { events, from: Date.parse(oldest?.at ?? '') }
}
