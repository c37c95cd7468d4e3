// What a hostile agent can do to the control plane that proxies to it: each attack says how its machine answers, and what is
// sent to it or about it meanwhile.
import type { ServerResponse } from 'node:http'
import { createGzip } from 'node:zlib'
import type { HostileAnswer } from './agent.ts'

/** What an attack may call: the hostile workspace's routes, as an operator and as its agent. */
export type Reach = {
  /** Sends a message to the hostile workspace and reads the whole answer, whatever it is. */
  message(params?: Record<string, unknown>, method?: string): Promise<void>
  /** Fetches the hostile agent's card. */
  card(): Promise<void>
  /** Sends a raw body to the hostile workspace's A2A route. */
  body(body: string): Promise<void>
  /** Calls a route of the registry with the hostile workspace's own token. */
  registry(path: string, body: unknown): Promise<void>
}

export type Attack = {
  name: string
  answer?: HostileAnswer
  /** One round of requests; repeated while the attack lasts. */
  round(reach: Reach): Promise<unknown>
}

const MB = 2 ** 20
const SPACES = Buffer.alloc(64 * 1024, ' ')

/** Writes a chunk again and again, as fast as the connection takes it. */
function pour(response: ServerResponse, chunk: Buffer, times: number): void {
  let left = times
  const write = () => {
    while (left > 0 && !response.destroyed) {
      left--
      if (!response.write(chunk)) {
        response.once('drain', write)
        return
      }
    }
    response.end()
  }
  write()
}

const onCards =
  (answer: HostileAnswer): HostileAnswer =>
  (request, response, isCard) => {
    if (isCard) answer(request, response, isCard)
    else response.end()
  }

const JSON_TYPE = { 'content-type': 'application/json' }
const EVENT_TYPE = { 'content-type': 'text/event-stream' }
const FLOOD_EVENT = Buffer.from(
  `data: ${JSON.stringify({ jsonrpc: '2.0', id: 1, result: { kind: 'message', parts: [] } })}\n\n`.repeat(
    100,
  ),
)

/** Registers a card and sends a message that follows it. */
const registering = (card: Record<string, unknown>) => async (reach: Reach) => {
  await reach.registry('register', { url: card['url'], agent_card: card })
  await reach.message()
}

const several = (times: number, run: () => Promise<unknown>) =>
  Promise.all(Array.from({ length: times }, run))

export const ATTACKS: readonly Attack[] = [
  {
    name: 'a card of 900 MB',
    answer: onCards((_, response) => {
      response.writeHead(200, JSON_TYPE)
      pour(response, SPACES, (900 * MB) / SPACES.length)
    }),
    round: (reach) => several(2, () => reach.card()),
  },
  {
    name: 'a gzip bomb as a card',
    answer: onCards((_, response) => {
      response.writeHead(200, { ...JSON_TYPE, 'content-encoding': 'gzip' })
      const gzip = createGzip()
      gzip.pipe(response)
      const write = (left: number): void => {
        if (left === 0 || response.destroyed) gzip.end()
        else gzip.write(SPACES, () => write(left - 1))
      }
      write(2_000)
    }),
    round: (reach) => several(2, () => reach.card()),
  },
  {
    name: 'a card whose url has 60,000 slashes',
    round: registering({ name: 'x', url: `http://x${'/'.repeat(60_000)}x` }),
  },
  {
    name: 'a card nested 20,000 deep',
    round: (reach) =>
      reach.registry(
        'update-card',
        JSON.parse(`{"agent_card":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}}`),
      ),
  },
  {
    name: 'a message of 9 MB of numbers without a messageId',
    round: (reach) =>
      reach.body(
        `{"method":"message/send","params":{"message":{"role":"user","parts":[{"kind":"data","data":{"n":[${'1.5,'.repeat(2_250_000)}1]}}]}}}`,
      ),
  },
  {
    name: 'an answer of 200 MB',
    answer: (_, response) => {
      response.writeHead(200, JSON_TYPE)
      pour(response, SPACES, (200 * MB) / SPACES.length)
    },
    round: (reach) => reach.message(),
  },
  {
    name: 'an answer with headers of 4 MB',
    answer: (_, response) => {
      const lines = Array.from({ length: 4_000 }, (_line, index) => `x-${index}: ${'a'.repeat(1_000)}\r\n`)
      response.socket?.end(`HTTP/1.1 200 OK\r\n${lines.join('')}\r\n`)
    },
    round: (reach) => several(4, () => reach.message()),
  },
  {
    name: 'an answer that is not HTTP',
    answer: (_, response) =>
      void response.socket?.end('HTTP/1.1 200 OK\r\nx: a\rb\nset-cookie: x\r\n\0\r\n\r\n'),
    round: (reach) => several(4, () => reach.message()),
  },
  {
    name: 'an answer that arrives one byte a second',
    answer: (_, response) => {
      response.writeHead(200, JSON_TYPE)
      const timer = setInterval(() => response.write(' '), 1_000)
      response.once('close', () => clearInterval(timer))
    },
    round: (reach) => several(50, () => reach.message()),
  },
  { name: 'silence', answer: () => {}, round: (reach) => several(50, () => reach.message()) },
  {
    name: 'a stream of 10,000 events a second',
    answer: (_, response) => {
      response.writeHead(200, EVENT_TYPE)
      const timer = setInterval(() => response.write(FLOOD_EVENT), 10)
      response.once('close', () => clearInterval(timer))
    },
    round: (reach) => reach.message({}, 'message/stream'),
  },
  {
    name: 'redirects to itself',
    answer: (request, response) => {
      response.writeHead(307, { location: request.url ?? '/' })
      response.end()
    },
    round: (reach) => several(10, () => reach.message()),
  },
  {
    name: 'heartbeats of numbers and characters that cannot be stored',
    round: (reach) =>
      several(10, () =>
        reach.registry('heartbeat', {
          error_rate: 1e-300,
          uptime_seconds: -3,
          active_tasks: 2 ** 60,
          current_task: '\0 \ud800 x'.repeat(1_000),
          sample_error: '\0'.repeat(10_000),
        }),
      ),
  },
]
