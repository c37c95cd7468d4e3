// What an open stream keeps of its request: nothing of a large body, once the agent has it and has begun to answer.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { askRegion } from '../support/harness.ts'
import type { ProxiedWorkspace } from '../support/proxied-workspace.ts'
import { startInFrontOf, STREAM_HEAD } from './in-front-of-agent.ts'
import { type Arrival, createTcpAgent } from './tcp-agent.ts'

const agent = createTcpAgent()
let server: ProxiedWorkspace
beforeAll(async () => {
  server = await startInFrontOf(agent, { A2A_MAX_BODY_BYTES: '600000', A2A_MAX_BYTES_IN_FLIGHT: '1000000' })
})
afterAll(async () => {
  await server.stop()
  await agent.refuse()
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
