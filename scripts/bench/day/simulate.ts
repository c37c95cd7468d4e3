// Runs a simulated day step by step, and counts what must not happen: a machine that is suspended while its agent works
// or before its idle time is over, time awake that nothing needed, and messages that are lost or arrive twice.
import type { OpenDatabase } from '../../../drizzle/database.ts'
import { forEachConcurrently } from '../../../lib/platform/concurrency.ts'
import { type Action, dayOf, MINUTE } from './pattern.ts'
import { openWorld, type World } from './world.ts'

export type DayOptions = { database: OpenDatabase; workspaces: number; hours: number; seed: number }

export type DayFigures = {
  workspaces: number
  hours: number
  messages: number
  /** How often a workspace fell asleep. */
  sleeps: number
  awakeHours: number
  suspendedAtWork: number
  suspendedEarly: number
  /** Part of the time awake that was neither work nor an idle window nor a hold. */
  excessPercent: number
  lost: number
  doubled: number
  /** Of each lost message: its id, and how it was answered. */
  losses: string[]
}

/** How a message was answered. */
type Answers = Map<string, { status: number; body: unknown }>

/** The clock moves in steps of this; the sweep runs at each. */
const STEP_MS = 30_000
const IDLE_MINUTES = 15
const CONCURRENCY = 16
/** Steps after the day, at most, for messages that are still to be delivered. */
const MOST_PASSES = 120

type Resident = {
  id: string
  /** Until when something needs it awake. */
  neededUntil: number
  /** It was suspended by itself, so that it may sleep before its idle time is over. */
  isExcused: boolean
  isAwake: boolean
  wasWorking: boolean
  lastBeat: number
}

export async function simulateDay({ database, hours, seed, workspaces }: DayOptions): Promise<DayFigures> {
  const world = await openWorld(database)
  try {
    const day = dayOf(seed, workspaces, hours)
    const residents = await settle(world, workspaces, day.scheduled)
    const figures = {
      awake: 0,
      excess: 0,
      sleeps: 0,
      suspendedAtWork: 0,
      suspendedEarly: 0,
      countedAt: world.now(),
    }
    const direct: Answers = new Map()
    const began = world.now()
    const actions = [...day.actions]
    while (world.now() - began < hours * 60 * MINUTE) {
      const due: Action[] = []
      while (actions[0] !== undefined && began + actions[0].at <= world.now()) {
        const [first] = actions.splice(0, 1)
        if (first !== undefined) due.push(first)
      }
      const isSuspend = ({ kind }: Action) => kind === 'suspend'
      const perform = (actions: Action[]) =>
        forEachConcurrently(actions, CONCURRENCY, (action) => act(world, residents, action, direct))
      await perform(due.filter((action) => !isSuspend(action)))
      await world.deliver()
      await world.sweep()
      await world.untilIdle()
      // A step is one instant of the clock. Nothing is on its way to a machine in the instant in which it suspends itself,
      // and the next messages come before a sweep has seen it.
      await perform(due.filter(isSuspend))
      await beat(world, residents)
      count(world, residents, figures)
      world.advance(STEP_MS)
    }
    // What was accepted at the end of the day arrives after it.
    const isMissing = () => [...direct.keys()].some((id) => !world.arrivals.has(id))
    for (let passes = 0; passes < 5 || (isMissing() && passes < MOST_PASSES); passes++) {
      await world.deliver()
      await world.sweep()
      await world.untilIdle()
      world.advance(STEP_MS)
    }
    return summarise(world, { workspaces, hours }, day.actions, direct, figures)
  } finally {
    await world.close()
  }
}

async function settle(
  world: World,
  workspaces: number,
  scheduled: ReadonlySet<number>,
): Promise<Map<number, Resident>> {
  const residents = new Map<number, Resident>()
  const numbers = Array.from({ length: workspaces }, (_, n) => n)
  await forEachConcurrently(numbers, CONCURRENCY, async (n) => {
    const { body, status } = await world.request(
      'POST',
      '/workspaces',
      { name: `workspace ${n}`, tier: 2, idle_minutes: IDLE_MINUTES },
      { prefer: 'wait=30' },
    )
    const { id, status: state } = body as { id: string; status: string }
    if (status !== 201 || state !== 'ready')
      throw new Error(`a workspace is ${state}: ${JSON.stringify(body)}`)
    if (scheduled.has(n))
      await world.request('POST', `/workspaces/${id}/schedules`, {
        name: 'rounds',
        cron: `${n % 60} */6 * * *`,
        message: `work ${5 * MINUTE}`,
      })
    residents.set(n, {
      id,
      neededUntil: world.now() + IDLE_MINUTES * MINUTE,
      isExcused: false,
      isAwake: true,
      wasWorking: false,
      lastBeat: 0,
    })
  })
  return residents
}

async function act(
  world: World,
  residents: Map<number, Resident>,
  action: Action,
  direct: Answers,
): Promise<void> {
  const resident = residents.get(action.workspace)
  if (resident === undefined) return
  if (action.kind === 'hold') {
    await world.request('POST', `/workspaces/${resident.id}/holds`, {
      for_seconds: action.ms / 1000,
      reason: 'the day',
    })
    // A hold wakes nothing.
    if (resident.isAwake) resident.neededUntil = Math.max(resident.neededUntil, world.now() + action.ms)
    return
  }
  if (action.kind === 'suspend') {
    const machine = world.machines().find(({ name }) => name === `ws-${resident.id}`)
    // An agent knows the requests that it has not answered.
    const isFree =
      (world.agents.get(resident.id)?.workUntil ?? 0) <= world.now() && !world.isBusy(resident.id)
    if (machine?.state !== 'started' || !isFree) return
    resident.isExcused = true
    await world.suspend(machine.id)
    return
  }
  const answer = await world.request(
    'POST',
    `/workspaces/${resident.id}/a2a`,
    {
      jsonrpc: '2.0',
      id: action.id,
      method: 'message/send',
      params: {
        message: {
          kind: 'message',
          role: 'user',
          messageId: action.id,
          parts: [{ kind: 'text', text: `work ${action.workMs}` }],
        },
      },
    },
    action.isStored ? { prefer: 'respond-async' } : {},
  )
  direct.set(action.id, answer)
}

/** Agents report their tasks when they begin, every minute while they last, and when they end. */
async function beat(world: World, residents: Map<number, Resident>): Promise<void> {
  const now = world.now()
  const due = [...residents.values()].filter((resident) => {
    const isWorking = (world.agents.get(resident.id)?.workUntil ?? 0) > now
    return isWorking !== resident.wasWorking || (isWorking && now - resident.lastBeat >= MINUTE)
  })
  await forEachConcurrently(due, CONCURRENCY, async (resident) => {
    const agent = world.agents.get(resident.id)
    const isWorking = (agent?.workUntil ?? 0) > now
    resident.wasWorking = isWorking
    resident.lastBeat = now
    await world.request(
      'POST',
      '/registry/heartbeat',
      { workspace_id: resident.id, active_tasks: isWorking ? 1 : 0 },
      { authorization: `Bearer ${agent?.token ?? ''}` },
    )
  })
}

type Counts = {
  awake: number
  excess: number
  sleeps: number
  suspendedAtWork: number
  suspendedEarly: number
  countedAt: number
}

function count(world: World, residents: Map<number, Resident>, figures: Counts): void {
  const now = world.now()
  const passed = now - figures.countedAt
  figures.countedAt = now
  const stateOf = new Map(world.machines().map(({ name, state }) => [name, state]))
  for (const resident of residents.values()) {
    const isAwake = stateOf.get(`ws-${resident.id}`) === 'started'
    const { usedAt, workUntil } = world.agents.get(resident.id) ?? { usedAt: 0, workUntil: 0 }
    const isWorking = workUntil > now
    if (isWorking && !isAwake) figures.suspendedAtWork++
    // Work, a message and a wake each begin a new idle window.
    const lastUse = isWorking || (isAwake && !resident.isAwake) ? now : usedAt
    if (isAwake) resident.neededUntil = Math.max(resident.neededUntil, lastUse + IDLE_MINUTES * MINUTE)
    if (isAwake && !resident.isAwake) resident.isExcused = false
    if (!isAwake && resident.isAwake) {
      figures.sleeps++
      // What was seen at the end of a step happened during it.
      if (now + STEP_MS < resident.neededUntil && !resident.isExcused) figures.suspendedEarly++
      resident.neededUntil = 0
    }
    if (isAwake) figures.awake += passed
    if (isAwake && now > resident.neededUntil) figures.excess += Math.min(passed, now - resident.neededUntil)
    resident.isAwake = isAwake
  }
}

function summarise(
  world: World,
  { hours, workspaces }: Pick<DayFigures, 'hours' | 'workspaces'>,
  actions: Action[],
  direct: Answers,
  figures: Counts,
): DayFigures {
  const sent = actions.filter((action) => action.kind === 'message' && direct.has(action.id))
  const losses: string[] = []
  let doubled = 0
  for (const action of sent) {
    if (action.kind !== 'message') continue
    const times = world.arrivals.get(action.id) ?? 0
    const { body, status = 0 } = direct.get(action.id) ?? {}
    if (times === 0 || status >= 300)
      losses.push(`${action.id} arrived ${times} times: ${status} ${JSON.stringify(body)}`)
  }
  for (const times of world.arrivals.values()) if (times > 1) doubled++
  return {
    workspaces,
    hours,
    messages: world.arrivals.size,
    sleeps: figures.sleeps,
    awakeHours: Math.round(figures.awake / 360_000) / 10,
    suspendedAtWork: figures.suspendedAtWork,
    suspendedEarly: figures.suspendedEarly,
    excessPercent: Math.round((10_000 * figures.excess) / Math.max(1, figures.awake)) / 100,
    lost: losses.length,
    doubled,
    losses,
  }
}
