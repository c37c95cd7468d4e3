// The faults between the replicas and Postgres: a TCP relay that is cut, stopped, slowed or closed to new connections at random,
// as when a network fails, a server hangs, is overloaded, fails over or runs out of connections.
import { createServer, connect, type Socket } from 'node:net'
import type { Fault } from '../parts.ts'
import type { Chance } from '../random.ts'

/** How often each kind is chosen. */
const WEIGHTS = {
  /** Every connection breaks and the server refuses new ones: a crash with its restart, or a failover. */
  crash: 3,
  /** Every connection breaks and new ones work at once: an administrator's `pg_terminate_backend`. */
  terminate: 3,
  /** Nothing passes, and nothing is refused: a stopped process, or a lost network. */
  stop: 2,
  /** Everything passes late. */
  slow: 3,
  /** Existing connections work and new ones are refused: out of connections. */
  full: 2,
}

type Kind = keyof typeof WEIGHTS

/** How late everything passes, in milliseconds of the run's clock. */
const LATE_MS = 200

export type DatabaseRelay = {
  /** Where the replicas connect to, instead of the server. */
  url: string
  fault(chance: Chance): Fault
  close(): Promise<void>
}

/** @param serverUrl the connection string of the real server */
export async function startDatabaseRelay(serverUrl: string): Promise<DatabaseRelay> {
  const target = new URL(serverUrl)
  const pairs = new Set<[Socket, Socket]>()
  let current: Kind | undefined

  const server = createServer((client) => {
    if (current === 'crash' || current === 'full') {
      client.destroy()
      return
    }
    const upstream = connect(Number(target.port || 5432), target.hostname)
    const pair: [Socket, Socket] = [client, upstream]
    pairs.add(pair)
    for (const [from, to] of [pair, [upstream, client] as const]) {
      let delayed = 0
      from.on('data', (chunk) => {
        // After late bytes come the next ones, also when the fault has ended meanwhile.
        if (current !== 'slow' && delayed === 0) return void to.write(chunk)
        delayed++
        setTimeout(() => {
          delayed--
          to.write(chunk)
        }, LATE_MS)
      })
      from.on('error', () => to.destroy())
      from.on('close', () => {
        to.destroy()
        pairs.delete(pair)
      })
    }
    if (current === 'stop') pausePair(pair)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const url = new URL(serverUrl)
  url.hostname = '127.0.0.1'
  url.port = String(typeof address === 'object' ? address?.port : '')

  const breakAll = () => pairs.forEach(([client]) => client.destroy())

  function begin(kind: Kind): void {
    current = kind
    if (kind === 'crash' || kind === 'terminate') breakAll()
    if (kind === 'stop') pairs.forEach(pausePair)
  }

  function end(): void {
    const ended = current
    current = undefined
    if (ended === 'stop') pairs.forEach((pair) => pair.forEach((socket) => socket.resume()))
  }

  return {
    url: url.href,
    fault: (chance) => ({
      name: 'connections',
      async run(over) {
        let count = 0
        while (!over.aborted) {
          await chance.pause(10_000, 30_000)
          if (over.aborted) break
          begin(chance.weighed(WEIGHTS))
          count++
          await chance.pause(500, 5_000)
          end()
        }
        return count
      },
    }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        breakAll()
      }),
  }
}

const pausePair = (pair: [Socket, Socket]) => pair.forEach((socket) => socket.pause())
