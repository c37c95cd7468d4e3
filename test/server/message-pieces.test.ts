// Messages that arrive in several pieces, on the real server: one connection carries them one after another.
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { ProxiedWorkspace } from '../support/proxied-workspace.ts'
import { startInFrontOf } from './in-front-of-agent.ts'
import { createTcpAgent } from './tcp-agent.ts'

const agent = createTcpAgent()
let server: ProxiedWorkspace
let socket: Socket
let answers = ''
beforeAll(async () => {
  server = await startInFrontOf(agent, {})
  socket = connect({ port: server.port, host: '127.0.0.1', noDelay: true })
  socket.setEncoding('latin1').on('data', (text: string) => void (answers += text))
})
afterAll(async () => {
  socket.destroy()
  await server.stop()
  await agent.refuse()
})
beforeEach(() => {
  agent.arrivals.length = 0
  answers = ''
})

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
