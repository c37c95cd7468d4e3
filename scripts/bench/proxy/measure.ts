// The figures of a target: latency, requests per second, streaming, and processor time.
import { cpuSeconds } from '../support/process-stats.ts'
import { startChild } from './child.ts'
import type { Result, Task } from './load.ts'
import type { ProxyTarget } from './targets.ts'

/** Times in milliseconds, processor time in seconds; NaN if it is not available. */
export type Round = {
  p50: number
  p99: number
  perSecond1: number
  perSecond16: number
  p99Of16: number
  perSecond128: number
  firstByte: number
  eventsPerSecond: number
  cpuPerThousand: number
}

const WARM_UP_CONNECTIONS = 16

/** The minimum, so that just-in-time compilation is not measured. */
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

export async function warmUp(
  clients: Clients,
  { target }: ProxyTarget,
  measuredSeconds: number,
): Promise<void> {
  const seconds = Math.max(measuredSeconds, WARM_UP_SECONDS)
  await clients.run({ kind: 'requests', target, connections: WARM_UP_CONNECTIONS, seconds })
  await clients.run({ kind: 'events', target, streams: WARM_UP_CONNECTIONS, seconds: seconds / 2 })
}

export type Measurement = {
  title: string
  measure: (clients: Clients, proxy: ProxyTarget, seconds: number) => Promise<Partial<Round>>
}

export const MEASUREMENTS: readonly Measurement[] = [
  {
    title: 'requests on 1 connection',
    async measure(clients, { target }, seconds) {
      const { p50, p99, perSecond } = await measureWarm(clients, {
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
      const { perSecond, count, p99 } = await measureWarm(clients, task, () => (before = cpuOf(pid)))
      return {
        perSecond16: perSecond,
        p99Of16: p99,
        cpuPerThousand: (difference(before, cpuOf(pid)) / count) * 1_000,
      }
    },
  },
  {
    title: 'requests on 128 connections',
    async measure(clients, { target }, seconds) {
      const { perSecond } = await measureWarm(clients, {
        kind: 'requests',
        target,
        connections: 128,
        seconds,
      })
      return { perSecond128: perSecond }
    },
  },
  {
    title: 'first streamed bytes',
    async measure(clients, { target }, seconds) {
      return { firstByte: (await measureWarm(clients, { kind: 'first-byte', target, seconds })).p50 }
    },
  },
  {
    title: 'events on 100 streams',
    async measure(clients, { target }, seconds) {
      const { perSecond } = await measureWarm(clients, { kind: 'events', target, streams: 100, seconds })
      return { eventsPerSecond: perSecond }
    },
  },
]

/** Runs a task after a shorter run of the same task that is not measured, because an idle process is slow at first. */
async function measureWarm(
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
