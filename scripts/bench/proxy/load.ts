// The clients, in a separate process: it runs one task after the other for its parent over IPC, and answers with the
// figures. At the end of a task it waits for running requests, so that they do not affect the next task.
import { endWithParent } from './announce.ts'
import { HttpConnection } from './http-connection.ts'
import { EVENT, MESSAGE, streamBody, type StreamPlan, unaryBody } from './messages.ts'
import { percentile } from './statistics.ts'

export type Target = { port: number; path: string; headers: Record<string, string> }

export type Task =
  | { kind: 'requests'; target: Target; connections: number; seconds: number }
  | { kind: 'first-byte'; target: Target; seconds: number }
  | { kind: 'events'; target: Target; streams: number; seconds: number }
  | { kind: 'hold'; target: Target; streams: number }
  | { kind: 'release' }

/** Times in milliseconds. */
export type Result = { count: number; perSecond: number; p50: number; p99: number }

/** Long enough that the start and the end of a stream do not matter. */
const EVENTS_PER_STREAM = 1_000

/** A proxy that delays the first event until the second shows at least this latency. */
const PAUSE_AFTER_FIRST_MS = 5

/** More connections at once could overflow the listen queue, and would be retried after a second. */
const OPENED_AT_ONCE = 50

const held: HttpConnection[] = []

endWithParent()
process.on('message', (task: Task) => {
  runTask(task).then(
    (result) => process.send?.({ result }),
    (error: Error) => process.send?.({ error: error.message }),
  )
})

function runTask(task: Task): Promise<Result | null> {
  switch (task.kind) {
    case 'requests':
      return requests(task.target, task.connections, task.seconds)
    case 'first-byte':
      return firstByte(task.target, task.seconds)
    case 'events':
      return events(task.target, task.streams, task.seconds)
    case 'hold':
      return hold(task.target, task.streams)
    case 'release':
      for (const connection of held.splice(0)) connection.close()
      return Promise.resolve(null)
  }
}

async function requests(target: Target, connections: number, seconds: number): Promise<Result> {
  const request = requestBytes(target, unaryBody)
  const times: number[] = []
  const elapsed = await onConnections(target, connections, seconds, async (connection) => {
    const begun = performance.now()
    const length = await connection.exchange(request)
    if (length !== MESSAGE.length) throw new Error(`an answer of ${length} bytes, not ${MESSAGE.length}`)
    times.push(performance.now() - begun)
  })
  return resultOf(times, elapsed)
}

async function firstByte(target: Target, seconds: number): Promise<Result> {
  const request = streamRequest(target, { events: 1, pauseMs: PAUSE_AFTER_FIRST_MS })
  const times: number[] = []
  const elapsed = await onConnections(target, 1, seconds, async (connection) => {
    const begun = performance.now()
    let first = Number.NaN
    await connection.exchange(request, () => {
      if (Number.isNaN(first)) first = performance.now() - begun
    })
    times.push(first)
  })
  return resultOf(times, elapsed)
}

async function events(target: Target, streams: number, seconds: number): Promise<Result> {
  const request = streamRequest(target, { events: EVENTS_PER_STREAM })
  let count = 0
  const elapsed = await onConnections(target, streams, seconds, async (connection) => {
    const length = await connection.exchange(request)
    if (length !== (EVENTS_PER_STREAM + 1) * EVENT.length) throw new Error(`a stream of ${length} bytes`)
    count += EVENTS_PER_STREAM + 1
  })
  return { ...resultOf([], elapsed), count, perSecond: count / elapsed }
}

/** Opens streams that have one event and stay open. Returns after each has sent it. */
async function hold(target: Target, streams: number): Promise<null> {
  const request = streamRequest(target, { events: 0, idle: true })
  while (held.length < streams) {
    const opened = await openMany(target.port, Math.min(OPENED_AT_ONCE, streams - held.length))
    held.push(...opened)
    await Promise.all(
      opened.map(
        (connection) =>
          new Promise<void>((resolve, reject) => {
            connection.exchange(request, () => resolve()).catch(reject)
          }),
      ),
    )
  }
  return null
}

/**
 * Repeats the work on each connection.
 * @returns the seconds from the first beginning to the last end
 */
async function onConnections(
  target: Target,
  count: number,
  seconds: number,
  work: (connection: HttpConnection) => Promise<void>,
): Promise<number> {
  const connections: HttpConnection[] = []
  while (connections.length < count) {
    connections.push(...(await openMany(target.port, Math.min(OPENED_AT_ONCE, count - connections.length))))
  }
  const begun = performance.now()
  const until = begun + seconds * 1_000
  try {
    await Promise.all(
      connections.map(async (connection) => {
        while (performance.now() < until) await work(connection)
      }),
    )
    return (performance.now() - begun) / 1_000
  } finally {
    for (const connection of connections) connection.close()
  }
}

const openMany = (port: number, count: number) =>
  Promise.all(Array.from({ length: count }, () => HttpConnection.open(port)))

function resultOf(times: number[], elapsed: number): Result {
  return {
    count: times.length,
    perSecond: times.length / elapsed,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
  }
}

const streamRequest = (target: Target, plan: StreamPlan) => requestBytes(target, streamBody(plan))

function requestBytes({ port, path, headers }: Target, body: Buffer): Buffer {
  const lines = [
    `POST ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    `Content-Length: ${body.length}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ]
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body])
}
