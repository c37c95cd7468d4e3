// The body of a request on the real server: it may arrive in several pieces, on a connection that carries one message after another,
// and an open stream keeps nothing of a large one, once the agent has it and has begun to answer.
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { askRegion } from '../support/harness.ts'
import type { ProxiedWorkspace } from '../support/proxied-workspace.ts'
import { startInFrontOf, STREAM_HEAD } from './in-front-of-agent.ts'
import { type Arrival, createTcpAgent, ok } from './tcp-agent.ts'

const agent = createTcpAgent()
let server: ProxiedWorkspace
beforeAll(async () => {
  server = await startInFrontOf(agent, { A2A_MAX_BODY_BYTES: '600000', A2A_MAX_BYTES_IN_FLIGHT: '1000000' })
})
afterAll(async () => {
  await server.stop()
  await agent.refuse()
})
beforeEach(() => {
  agent.arrivals.length = 0
  agent.setAnswer(ok)
})

describe('messages on one connection', () => {
  let socket: Socket
  let answers = ''
  beforeAll(() => {
    socket = connect({ port: server.port, host: '127.0.0.1', noDelay: true })
    socket.setEncoding('latin1').on('data', (text: string) => void (answers += text))
  })
  afterAll(() => socket.destroy())
  beforeEach(() => void (answers = ''))

  /** Nothing is added to it on the way. */
  const BODY = JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'tasks/get', params: { id: 'a task' } })
  const headWith = (length: string) =>
    [
      `POST ${server.path} HTTP/1.1`,
      'host: 127.0.0.1',
      ...Object.entries(server.headers).map((pair) => pair.join(': ')),
      'content-type: application/json',
      length,
    ].join('\r\n') + '\r\n\r\n'
  const whole = () => `${headWith(`content-length: ${BODY.length}`)}${BODY}`
  const chunkOf = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

  test.for<[name: string, pieces: () => string[], messages: number]>([
    ['whole', () => [whole()], 1],
    ['as a head and a body', () => [headWith(`content-length: ${BODY.length}`), BODY], 1],
    ['as a head with a part of the body', () => [whole().slice(0, -20), whole().slice(-20)], 1],
    ['in chunks', () => [headWith('transfer-encoding: chunked'), chunkOf(BODY), '0\r\n\r\n'], 1],
    ['in chunks at once', () => [headWith('transfer-encoding: chunked') + chunkOf(BODY) + '0\r\n\r\n'], 1],
    ['together with the next two', () => [whole() + whole() + whole()], 3],
  ])('a message that arrives %s reaches the agent whole', async ([, pieces, messages]) => {
    for (const piece of pieces()) {
      socket.write(piece)
      await delay(20)
    }
    await expect.poll(() => answers.match(/HTTP\/1\.1 200/g)?.length).toBe(messages)
    expect(agent.arrivals.map(({ body }) => body)).toEqual(Array.from({ length: messages }, () => BODY))
  })
})

const sendLarge = () =>
  fetch(`http://127.0.0.1:${server.port}${server.path}`, {
    method: 'POST',
    body: JSON.stringify({ ...askRegion(7), padding: 'x'.repeat(550_000) }),
    headers: { 'content-type': 'application/json', ...server.headers },
  })

test('the body of a stream that has begun counts no longer for A2A_MAX_BYTES_IN_FLIGHT, and is given back once', async () => {
  const open: Arrival[] = []
  agent.setAnswer((arrival) => {
    open.push(arrival)
    arrival.socket.write(`${STREAM_HEAD}data: {}\n\n`)
  })
  const streams = [await sendLarge(), await sendLarge(), await sendLarge()]
  expect(streams.map(({ status }) => status)).toEqual([200, 200, 200])

  for (const { socket } of open) socket.end()
  await Promise.all(streams.map((stream) => stream.text()))
  const unanswered: Arrival[] = []
  agent.setAnswer((arrival) => void unanswered.push(arrival))
  const waiting = sendLarge()
  await expect.poll(() => unanswered.length).toBe(1)
  expect((await sendLarge()).status).toBe(429)
  unanswered[0]?.socket.end(`${STREAM_HEAD}data: {}\n\n`)
  expect((await waiting).status).toBe(200)
})
