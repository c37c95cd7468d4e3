// What is measured of a road: how soon and how often it answers, how fast it streams, and what its processor time is.
import { cpuSeconds } from '../support/process-stats.ts'
import { startChild } from './child.ts'
import type { Result, Task } from './load.ts'
import type { Road } from './roads.ts'

/** Times in milliseconds, processor time in seconds, memory in KB; NaN where it cannot be known. */
export type Figures = {
  p50: number
  p99: number
  perSecond1: number
  perSecond16: number
  perSecond128: number
  firstByte: number
  eventsPerSecond: number
  cpuPerThousand: number
  kbPerIdleStream: number
}

export type Round = Omit<Figures, 'kbPerIdleStream'>

const WARM_UP_CONNECTIONS = 16

/** At least: servers run for weeks, and the compilers of their first seconds are not what is measured. */
const WARM_UP_SECONDS = 12

export type Clients = { run(task: Task): Promise<Result>; stop(): Promise<void> }

export function startClients(): Clients {
  const child = startChild('load.ts')
  return {
    run(task) {
      return new Promise((resolve, reject) => {
        child.process.once('message', (answer: { result: Result } | { error: string }) => {
          if ('result' in answer) resolve(answer.result)
          else reject(new Error(answer.error))
        })
        child.process.send(task)
      })
    },
    stop: () => child.stop(),
  }
}

export async function warmUp(clients: Clients, { target }: Road, measuredSeconds: number): Promise<void> {
  const seconds = Math.max(measuredSeconds, WARM_UP_SECONDS)
  await clients.run({ kind: 'requests', target, connections: WARM_UP_CONNECTIONS, seconds })
  await clients.run({ kind: 'events', target, streams: WARM_UP_CONNECTIONS, seconds: seconds / 2 })
}

export type Measurement = {
  title: string
  measure: (clients: Clients, road: Road, seconds: number) => Promise<Partial<Round>>
}

export const MEASUREMENTS: readonly Measurement[] = [
  {
    title: 'requests on 1 connection',
    async measure(clients, { target }, seconds) {
      const { p50, p99, perSecond } = await settled(clients, {
        kind: 'requests',
        target,
        connections: 1,
        seconds,
      })
      return { p50, p99, perSecond1: perSecond }
    },
  },
  {
    title: 'requests on 16 connections',
    async measure(clients, { target, pid }, seconds) {
      let before: number | undefined
      const task = { kind: 'requests', target, connections: 16, seconds } as const
      const { perSecond, count } = await settled(clients, task, () => (before = cpuOf(pid)))
      return { perSecond16: perSecond, cpuPerThousand: (difference(before, cpuOf(pid)) / count) * 1_000 }
    },
  },
  {
    title: 'requests on 128 connections',
    async measure(clients, { target }, seconds) {
      const { perSecond } = await settled(clients, { kind: 'requests', target, connections: 128, seconds })
      return { perSecond128: perSecond }
    },
  },
  {
    title: 'first streamed bytes',
    async measure(clients, { target }, seconds) {
      return { firstByte: (await settled(clients, { kind: 'first-byte', target, seconds })).p50 }
    },
  },
  {
    title: 'events on 100 streams',
    async measure(clients, { target }, seconds) {
      const { perSecond } = await settled(clients, { kind: 'events', target, streams: 100, seconds })
      return { eventsPerSecond: perSecond }
    },
  },
]

/** The task, after a short unmeasured while of the same: a process that has waited for its turn is slow at first. */
async function settled(
  clients: Clients,
  task: Extract<Task, { seconds: number }>,
  onBegin: () => void = () => {},
): Promise<Result> {
  await clients.run({ ...task, seconds: task.seconds / 3 })
  onBegin()
  return clients.run(task)
}

const cpuOf = (pid: number | undefined) => (pid === undefined ? undefined : cpuSeconds(pid))

const difference = (before: number | undefined, after: number | undefined) =>
  before === undefined || after === undefined ? Number.NaN : after - before
