// A whole run: first the memory of idle streams of each target, then rounds in which the targets take turns at every figure,
// so that other load on this computer affects all of them.
import { startListening } from './child.ts'
import { type Clients, MEASUREMENTS, type Round, startClients, warmUp } from './measure.ts'
import { kbPerIdleStream } from './memory.ts'
import type { Measured, MeasuredTarget } from './report.ts'
import { type DatabaseKind, openTarget, type ProxyTarget, type TargetName } from './targets.ts'

export type RunOptions = {
  names: readonly TargetName[]
  /** The time for each figure of each target, over all rounds. */
  seconds: number
  rounds: number
  /** The database of this server. */
  database: DatabaseKind
  report: (line: string) => void
}

type BenchContext = RunOptions & { clients: Clients; agentPort: number }

export async function runBench(options: RunOptions): Promise<Measured> {
  const agent = await startListening('agent.ts')
  const clients = startClients()
  const context = { ...options, clients, agentPort: agent.port }
  try {
    const memory = await measureMemory(context)
    const rounds = await measureRounds(context)
    return Object.fromEntries([...rounds].map(([name, all]) => [name, figuresOf(all, memory.get(name))]))
  } finally {
    await Promise.all([clients.stop(), agent.stop()])
  }
}

async function measureMemory({ names, seconds, database, report, clients, agentPort }: BenchContext) {
  const memory = new Map<TargetName, number>()
  for (const name of names) {
    const proxy = await openTarget(name, agentPort, database)
    // The direct way has no process whose memory could be measured.
    if (proxy?.pid === undefined) continue
    report(`${name}: idle streams`)
    try {
      memory.set(name, await withName(proxy, kbPerIdleStream(clients, proxy, seconds)))
    } finally {
      await proxy.stop()
    }
  }
  return memory
}

async function measureRounds({ names, seconds, rounds, database, report, clients, agentPort }: BenchContext) {
  const measured = new Map<TargetName, Partial<Round>[]>()
  const targets: ProxyTarget[] = []
  try {
    for (const name of names) {
      const proxy = await openTarget(name, agentPort, database)
      if (proxy === undefined) {
        report(`${name} is not installed: left out`)
        continue
      }
      targets.push(proxy)
      measured.set(name, [])
      report(`${name}: warming up`)
      await withName(proxy, warmUp(clients, proxy, seconds))
    }
    for (let round = 1; round <= rounds; round++) {
      for (const { title, measure } of MEASUREMENTS) {
        report(`round ${round} of ${rounds}: ${title}`)
        // None is always the first.
        for (const proxy of round % 2 === 0 ? targets.toReversed() : targets) {
          measured.get(proxy.name)?.push(await withName(proxy, measure(clients, proxy, seconds / rounds)))
        }
      }
    }
  } finally {
    await Promise.all(targets.map((proxy) => proxy.stop()))
  }
  return measured
}

function figuresOf(parts: Partial<Round>[], kb = Number.NaN): MeasuredTarget {
  const all = (name: keyof Round) => parts.map((part) => part[name]).filter((value) => value !== undefined)
  const rounds = {
    p50: all('p50'),
    p99: all('p99'),
    perSecond1: all('perSecond1'),
    perSecond16: all('perSecond16'),
    p99Of16: all('p99Of16'),
    perSecond128: all('perSecond128'),
    firstByte: all('firstByte'),
    eventsPerSecond: all('eventsPerSecond'),
    cpuPerThousand: all('cpuPerThousand'),
  }
  return { rounds, kbPerIdleStream: kb }
}

/** An error of one target ends the run, because there is nothing to compare with. The message names the target. */
async function withName<Value>({ name }: ProxyTarget, measuring: Promise<Value>): Promise<Value> {
  try {
    return await measuring
  } catch (error) {
    throw new Error(`the target ${name} failed`, { cause: error })
  }
}
