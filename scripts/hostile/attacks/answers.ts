// Attacks by what a machine answers to messages: too much, too little, too slow, or not HTTP.
import {
  type Attack,
  drip,
  EVENT_TYPE,
  gzipBomb,
  JSON_TYPE,
  MB,
  pour,
  pourRaw,
  type Reach,
  several,
  SPACES,
} from './attack.ts'

const EVENT = `data: ${JSON.stringify({ jsonrpc: '2.0', id: 1, result: { kind: 'message', parts: [] } })}\n\n`
const EVENTS_PER_TICK = Buffer.from(EVENT.repeat(100))

const sends = (times: number) => (reach: Reach) => several(times, () => reach.message())
const streams = (times: number) => (reach: Reach) => several(times, () => reach.message('message/stream'))

/** 64 KB of headers. */
const LINES = Array.from({ length: 64 }, (_, index) => `x-${index}: `.padEnd(1022, 'a')).join('\r\n') + '\r\n'

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'

export const ANSWER_ATTACKS: readonly Attack[] = [
  {
    name: 'an answer of 200 MB',
    answer: (_, response) => {
      response.writeHead(200, JSON_TYPE)
      pour(response, SPACES, (200 * MB) / SPACES.length)
    },
    round: sends(1),
  },
  {
    name: 'an answer of 200 MB to a stored message',
    answer: (_, response) => {
      response.writeHead(200, JSON_TYPE)
      pour(response, SPACES, (200 * MB) / SPACES.length)
    },
    round: (reach) => several(4, () => reach.storedMessage()),
  },
  {
    name: 'a gzip bomb as an answer',
    prepare: gzipBomb,
    answer: (_, response) => {
      response.writeHead(200, { ...JSON_TYPE, 'content-encoding': 'gzip' })
      response.end(gzipBomb())
    },
    round: (reach) => Promise.all([reach.message(), reach.storedMessage()]),
  },
  {
    name: 'an answer with headers of 4 MB',
    answer: (_, response) => pourRaw(response, HEAD, LINES, (4 * MB) / LINES.length),
    round: sends(4),
  },
  {
    name: 'an answer whose headers never end',
    answer: (_, response) => pourRaw(response, HEAD, 'x-a: b\r\n'.repeat(100)),
    round: sends(4),
  },
  {
    name: 'interim responses without an end',
    stopsWorkerd: true,
    answer: (_, response) =>
      pourRaw(response, '', 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'.repeat(100)),
    round: sends(4),
  },
  {
    name: 'trailers without an end',
    answer: (_, response) =>
      pourRaw(
        response,
        `${HEAD}transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n`,
        'x-a: b\r\n'.repeat(100),
      ),
    round: sends(4),
  },
  {
    name: 'a chunk extension without an end',
    answer: (_, response) =>
      pourRaw(response, `${HEAD}transfer-encoding: chunked\r\n\r\n2;a=`, 'x'.repeat(64 * 1024)),
    round: sends(4),
  },
  {
    name: 'chunks of one byte without an end',
    answer: (_, response) =>
      pourRaw(response, `${HEAD}transfer-encoding: chunked\r\n\r\n`, '1\r\n \r\n'.repeat(4_000)),
    round: sends(1),
  },
  {
    name: 'an answer that is not HTTP',
    answer: (_, response) =>
      void response.socket?.end('HTTP/1.1 200 OK\r\nx: a\rb\nset-cookie: x\r\n\0\r\n\r\n'),
    round: sends(4),
  },
  {
    name: 'two answers to one request',
    answer: (_, response) =>
      void response.socket?.end(
        `${HEAD}content-length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nset-cookie: split=1\r\ncontent-length: 2\r\n\r\n{}`,
      ),
    round: sends(4),
  },
  {
    name: 'an answer shorter than its length',
    answer: (_, response) => void response.socket?.end(`${HEAD}content-length: 1000000\r\n\r\n{`),
    round: sends(4),
  },
  {
    name: 'connections that close at once',
    answer: (_, response) => response.socket?.destroy(),
    round: sends(10),
  },
  {
    name: 'an answer that arrives one byte a second',
    answer: (_, response) => {
      response.writeHead(200, JSON_TYPE)
      drip(response, ' ', 1_000)
    },
    round: sends(50),
  },
  {
    name: 'headers that arrive one byte a second',
    answer: (_, response) => {
      response.socket?.write('HTTP/1.1 200 OK\r\nx-a: ')
      drip(response, 'a', 1_000)
    },
    round: sends(50),
  },
  { name: 'silence', answer: () => {}, round: sends(50) },
  {
    name: 'a stream of 10,000 events a second',
    answer: (_, response) => {
      response.writeHead(200, EVENT_TYPE)
      drip(response, EVENTS_PER_TICK, 10)
    },
    round: streams(1),
  },
  {
    name: 'a stream of one byte a write',
    answer: (_, response) => {
      response.writeHead(200, EVENT_TYPE)
      response.socket?.setNoDelay(true)
      drip(response, ':', 1)
    },
    round: streams(20),
  },
  {
    name: 'an event without an end',
    answer: (_, response) => {
      response.writeHead(200, EVENT_TYPE)
      response.write('data: ')
      pour(response, SPACES)
    },
    round: streams(1),
  },
  {
    name: 'redirects to itself',
    answer: (request, response) => {
      response.writeHead(307, { location: request.url ?? '/' })
      response.end()
    },
    round: sends(10),
  },
  {
    name: 'a web page of 200 MB',
    answer: (_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' })
      pour(response, SPACES, (200 * MB) / SPACES.length)
    },
    round: sends(2),
  },
]
