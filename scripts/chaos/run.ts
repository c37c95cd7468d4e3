// A chaos run: every kind of load and of fault at the same time, then time to settle, and the check of what is left.
import type { Remains } from './checks/remains.ts'
import { type Figure, FIGURES, type Violation } from './parts.ts'
import { count, shortenLogLine, statesOf, storiesOf } from './report.ts'
import { settle } from './settle.ts'
import { setStage, type Stage, type StageOptions } from './stage.ts'

export type ChaosOptions = StageOptions & {
  /** How long it may take to settle, in seconds of the clock of the run. */
  settleSeconds: number
  /** The share of workspaces that must become ready, and of messages that must be answered. */
  leastProven: number
}

export type Figures = Record<Figure, number> & {
  workspaces: number
  /** How often a workspace came all the way to ready. */
  lifecycles: number
  /** How often faults struck, without kills of replicas. */
  faults: number
  kills: number
}

export type Outcome = {
  figures: Figures
  violations: Violation[]
  /** What is known of each workspace that a violation is about. */
  stories: string[]
}

export async function runChaos(options: ChaosOptions): Promise<Outcome> {
  const { report } = options
  const stage = await setStage(options)
  try {
    report(`${options.seconds} s of chaos for ${options.workspaces} workspaces`)
    const struck = await runAll(stage, AbortSignal.timeout(options.seconds * 1000))
    report(
      `calm: ${[...struck].map(([name, times]) => `${name}=${times}`).join(' ')} requests=${requestsOf(stage)}`,
    )

    const outcomes = await Promise.all(stage.controlPlanes.map((one) => checkOne(one, options)))
    const kills = struck.get('kills') ?? 0
    const figures: Figures = {
      ...sumOf(outcomes.map((one) => one.figures)),
      faults: [...struck.values()].reduce((sum, times) => sum + times, 0) - kills,
      kills,
    }
    const violations = [
      ...tooLittleProven(options.leastProven, figures),
      ...outcomes.flatMap((one) => one.violations),
      ...(await stage.world.touched()),
    ]
    const logged = stage.controlPlanes.flatMap(({ controlPlane }) =>
      controlPlane.replicas.flatMap(({ errors }) => errors.map(shortenLogLine)),
    )
    report(`logged ${count(logged)}`)
    return { figures, violations, stories: outcomes.flatMap((one) => one.stories) }
  } finally {
    await stage.close()
  }
}

/** Between two checks of whether everything has ended, in milliseconds of the run's clock. Most requests wait for less. */
const OVERDUE_MS = 600_000

/** @returns how often each fault struck, by its name */
async function runAll({ controlPlanes, faults }: Stage, over: AbortSignal): Promise<Map<string, number>> {
  const running = new Set<string>()
  const watched = async <Result>(name: string, run: Promise<Result>): Promise<Result> => {
    running.add(name)
    const result = await run
    running.delete(name)
    return result
  }
  // The first check after the end may come at once, so only the second one counts.
  let wasOver = false
  const overdue = setInterval(() => {
    if (wasOver) throw new Error(`these do not end: ${[...running].join(', ')}`)
    wasOver = over.aborted
  }, OVERDUE_MS)
  const working = controlPlanes.flatMap(({ controlPlane, loads }) =>
    loads.map((load) => watched(`${load.name} of ${controlPlane.name}`, load.run(over))),
  )
  const counts = await Promise.all(
    faults.map(async ({ name, run }, at) => [name, await watched(`${name} (${at})`, run(over))] as const),
  )
  await Promise.all(working)
  clearInterval(overdue)
  const struck = new Map<string, number>()
  for (const [name, times] of counts) struck.set(name, (struck.get(name) ?? 0) + times)
  return struck
}

const requestsOf = ({ controlPlanes }: Stage) =>
  controlPlanes.reduce((sum, { controlPlane }) => sum + controlPlane.record.requests, 0)

type OfOne = {
  figures: Omit<Figures, 'faults' | 'kills'>
  violations: Violation[]
  stories: string[]
}

async function checkOne(
  { controlPlane, loads }: Stage['controlPlanes'][number],
  { report, settleSeconds }: ChaosOptions,
): Promise<OfOne> {
  const { name, replicas } = controlPlane
  const { open, remains, settledAfter } = await settle(controlPlane, loads, settleSeconds, report)
  report(`${name}: ${statesOf(remains)}; messages ${count(loads.flatMap((load) => load.outcomes?.() ?? []))}`)
  report(
    `${name}: ${settledAfter === undefined ? `not settled after ${settleSeconds} s` : `settled after ${settledAfter} s`}`,
  )
  const violations: Violation[] = [
    ...open,
    ...loads.flatMap((load) => load.wrong?.(remains) ?? []),
    ...replicas
      .filter((replica) => replica.deaths() > 0)
      .map((): Violation => ({ kind: 'unexplained', what: `a replica of ${name} ended by itself` })),
  ]
  const figures = sumOf([
    { workspaces: remains.rows.length, lifecycles: lifecyclesOf(remains) },
    ...loads.map((load) => load.figures?.(remains) ?? {}),
  ])
  return { figures, violations, stories: await storiesOf(controlPlane, violations, remains) }
}

const lifecyclesOf = ({ events }: Remains) =>
  [...events.values()].flat().filter(({ type }) => type === 'agent_answered').length

const SUMMED = [...FIGURES, 'workspaces', 'lifecycles'] as const

function sumOf(all: Partial<Record<(typeof SUMMED)[number], number>>[]): OfOne['figures'] {
  const sums = SUMMED.map((name) => [name, all.reduce((sum, one) => sum + (one[name] ?? 0), 0)])
  return Object.fromEntries(sums) as OfOne['figures']
}

/** A violation if the run was too calm, or too broken, to prove anything. */
function tooLittleProven(
  least: number,
  { answered, lifecycles, messages, workspaces }: Figures,
): Violation[] {
  if (lifecycles >= workspaces * least && answered >= messages * least) return []
  const what = `${lifecycles} lifecycles of ${workspaces} workspaces, ${answered} of ${messages} messages answered`
  return [{ kind: 'too little', what }]
}
