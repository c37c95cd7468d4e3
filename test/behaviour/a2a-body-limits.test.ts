// What the bodies of A2A requests may occupy: of one workspace together, and of callers who are refused.
import { beforeAll, expect, test } from 'vitest'
import type { Harness, Json } from '../support/harness.ts'
import { createGate, reply } from '../support/scripted-agent.ts'
import { useScriptedHarness } from '../support/scripted-harness.ts'
import { ADMIN, envelope, MESSAGE_SETTINGS, messageClient } from '../support/stored-messages.ts'

const { harness, scriptedAgent } = useScriptedHarness({
  ...MESSAGE_SETTINGS,
  A2A_MAX_BODY_BYTES: '600000',
  A2A_MAX_BYTES_IN_FLIGHT: '1000000',
})

let h: Harness
let [first, second] = ['', '']
const { create } = messageClient(() => h)
beforeAll(async () => {
  h = harness()
  first = await create()
  second = await create()
})

type Failure = { id: unknown; error: { message: string; data: Json } }

const send = (to: string, text: string, headers: Record<string, string> = ADMIN) =>
  h.request<Failure>(`/workspaces/${to}/a2a`, { method: 'POST', headers, json: envelope({ id: 7, text }) })

const LARGE = 'x'.repeat(550_000)

test('bodies that are under way to one workspace have a limit together, which is named, and other workspaces have their own', async () => {
  const gate = createGate()
  scriptedAgent.answer = async (arrival) => {
    await gate.passed
    return reply(arrival)
  }
  const held = send(first, LARGE)
  await expect.poll(() => scriptedAgent.arrivals.length, { timeout: 30_000 }).toBe(1)
  const refused = await send(first, LARGE)
  const small = send(first, 'small')
  const other = send(second, LARGE)
  await expect.poll(() => scriptedAgent.arrivals.length, { timeout: 30_000 }).toBe(3)
  gate.open()
  expect(refused).toMatchObject({
    status: 429,
    body: {
      id: 7,
      error: {
        message: expect.stringContaining('A2A_MAX_BYTES_IN_FLIGHT'),
        data: { reason: 'TOO_MANY_REQUESTS_IN_FLIGHT', delivered: 'no', retry_after: 1 },
      },
    },
  })
  expect([(await held).status, (await small).status, (await other).status]).toEqual([200, 200, 200])
  expect((await send(first, LARGE)).status).toBe(200)
})

test.each([
  ['without a token', {}, 401, 'UNAUTHENTICATED'],
  ['with an unknown token', { authorization: 'Bearer unknown' }, 401, 'UNAUTHENTICATED'],
])('a large body %s is refused with the id of its request', async (_what, headers, status, reason) => {
  const answer = await send(first, LARGE, headers)
  expect(answer).toMatchObject({ status, body: { id: 7, error: { data: { reason } } } })
  expect(scriptedAgent.arrivals).toEqual([])
})

test('a large body for a workspace that does not exist is refused with the id of its request', async () => {
  expect(await send(crypto.randomUUID(), LARGE)).toMatchObject({ status: 404, body: { id: 7 } })
})
