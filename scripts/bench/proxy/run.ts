// A whole run: first what each road's idle streams cost in memory, then rounds in which the roads take turns at every
// figure, so that whatever else this computer does meanwhile hits all of them alike.
import { startListening } from './child.ts'
import { type Clients, type Figures, MEASUREMENTS, type Round, startClients, warmUp } from './measure.ts'
import { kbPerIdleStream } from './memory.ts'
import type { Measured } from './report.ts'
import { type DatabaseKind, openTarget, type Road, type RoadName } from './roads.ts'
import { median } from './statistics.ts'

export type RunOptions = {
  names: readonly RoadName[]
  /** How long each figure of each road is measured, in all rounds together. */
  seconds: number
  rounds: number
  /** Of our server. */
  database: DatabaseKind
  say: (line: string) => void
}

type Place = RunOptions & { clients: Clients; agentPort: number }

export async function runBench(options: RunOptions): Promise<Measured> {
  const agent = await startListening('agent.ts')
  const clients = startClients()
  const place = { ...options, clients, agentPort: agent.port }
  try {
    const memory = await measureMemory(place)
    const rounds = await measureRounds(place)
    return Object.fromEntries([...rounds].map(([name, all]) => [name, figuresOf(all, memory.get(name))]))
  } finally {
    await Promise.all([clients.stop(), agent.stop()])
  }
}

async function measureMemory({ names, seconds, database, say, clients, agentPort }: Place) {
  const memory = new Map<RoadName, number>()
  for (const name of names) {
    const road = await openTarget(name, agentPort, database)
    // Without a proxy there is no memory of its own.
    if (road?.pid === undefined) continue
    say(`${name}: idle streams`)
    try {
      memory.set(name, await named(road, kbPerIdleStream(clients, road, seconds)))
    } finally {
      await road.stop()
    }
  }
  return memory
}

async function measureRounds({ names, seconds, rounds, database, say, clients, agentPort }: Place) {
  const measured = new Map<RoadName, Partial<Round>[]>()
  const roads: Road[] = []
  try {
    for (const name of names) {
      const road = await openTarget(name, agentPort, database)
      if (road === undefined) {
        say(`${name} is not installed: left out`)
        continue
      }
      roads.push(road)
      measured.set(name, [])
      say(`${name}: warming up`)
      await named(road, warmUp(clients, road, seconds))
    }
    for (let round = 1; round <= rounds; round++) {
      for (const { title, measure } of MEASUREMENTS) {
        say(`round ${round} of ${rounds}: ${title}`)
        for (const road of roads) {
          measured.get(road.name)?.push(await named(road, measure(clients, road, seconds / rounds)))
        }
      }
    }
  } finally {
    await Promise.all(roads.map((road) => road.stop()))
  }
  return measured
}

function figuresOf(parts: Partial<Round>[], kb = Number.NaN): Figures {
  const figure = (name: keyof Round) =>
    median(parts.map((part) => part[name]).filter((value) => value !== undefined))
  return {
    p50: figure('p50'),
    p99: figure('p99'),
    perSecond1: figure('perSecond1'),
    perSecond16: figure('perSecond16'),
    perSecond128: figure('perSecond128'),
    firstByte: figure('firstByte'),
    eventsPerSecond: figure('eventsPerSecond'),
    cpuPerThousand: figure('cpuPerThousand'),
    kbPerIdleStream: kb,
  }
}

/** A road that fails makes the figures of the others useless for comparing: the run ends, and says which it was. */
async function named<Value>({ name }: Road, measuring: Promise<Value>): Promise<Value> {
  try {
    return await measuring
  } catch (error) {
    throw new Error(`the road ${name} failed`, { cause: error })
  }
}
