// Messages that come at the same moment to a machine that others have stopped: the first one wakes the machine, while the rest
// still find out why they failed.
import { setTimeout as delay } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Harness } from '../support/harness.ts'
import { useScriptedHarness } from '../support/scripted-harness.ts'
import { ADMIN, envelope, MESSAGE_SETTINGS, messageClient } from '../support/stored-messages.ts'

const { harness, scriptedAgent } = useScriptedHarness(MESSAGE_SETTINGS)

let h: Harness
const { create, send, stateOf } = messageClient(() => h)
beforeAll(() => {
  h = harness()
})

const AT_ONCE = 20
const TEXTS = Array.from({ length: AT_ONCE }, (_, index) => `message ${index}`)

type Answer = { result?: unknown; error?: { data: { delivered: string } } }

const sendNow = (id: string, text: string) =>
  h.request<Answer>(`/workspaces/${id}/a2a`, { method: 'POST', headers: ADMIN, json: envelope({ text }) })

const arrivalsOf = (id: string, text: string) =>
  scriptedAgent.textsAt(id).filter((arrived) => arrived === text).length

/** A workspace whose route is known to the proxy, and whose machine others have stopped since. */
async function stoppedOutside(verb: string): Promise<string> {
  const id = await create()
  expect((await sendNow(id, 'before')).status).toBe(200)
  const { body } = await h.request(`/workspaces/${id}`, { headers: ADMIN })
  const machine = String(body['machine_id'])
  await h.fly('POST', `/${machine}/${verb}`)
  await h.fly('GET', `/${machine}/wait?state=${verb === 'stop' ? 'stopped' : 'suspended'}&timeout=30`)
  // Longer than the tolerance between the clocks of Fly's servers.
  h.advance(5_000)
  return id
}

test('a message that a machine failed after its start is not repeated, although Fly answers late that it had been stopped', async () => {
  const id = await stoppedOutside('stop')
  const { body } = await h.request(`/workspaces/${id}`, { headers: ADMIN })
  const machine = String(body['machine_id'])
  const { api } = h.emulator
  const { fetch } = api
  const started = Promise.withResolvers<void>()
  let looks = 0
  api.fetch = async (request, ...rest) => {
    const response = await fetch(request, ...rest)
    const isLook = request.method === 'GET' && new URL(request.url).pathname.endsWith(`/machines/${machine}`)
    if (isLook) {
      looks++
      await started.promise
    }
    return response
  }
  try {
    h.emulator.faults.add({ kind: 'answer', action: 'proxy', status: 503, times: 1 })
    const first = sendNow(id, 'fails at rest')
    await expect.poll(() => looks).toBe(1)
    await h.fly('POST', `/${machine}/start`)
    await h.fly('GET', `/${machine}/wait?state=started&timeout=30`)
    // Longer than the shortest start of a machine.
    await delay(150)
    scriptedAgent.answer = () => new Response('', { status: 502 })
    const second = sendNow(id, 'fails')
    await expect.poll(() => arrivalsOf(id, 'fails')).toBe(1)
    await delay(50)
    started.resolve()
    expect((await second).body).toMatchObject({
      error: { data: { reason: 'AGENT_UNREACHABLE', delivered: 'unknown' } },
    })
    expect(arrivalsOf(id, 'fails')).toBe(1)
    await first
  } finally {
    started.resolve()
    api.fetch = fetch
  }
})

describe.each(['stop', 'suspend'])('after a %s from outside that was not seen yet', (verb) => {
  test('messages that come at the same moment arrive once, or their error says what is known', async () => {
    const id = await stoppedOutside(verb)
    const answers = await Promise.all(TEXTS.map((text) => sendNow(id, text)))
    for (const [index, text] of TEXTS.entries()) {
      const { body, status } = answers[index] ?? expect.unreachable()
      const delivered = status === 200 ? 'yes' : body.error?.data.delivered
      const arrived = arrivalsOf(id, text)
      const allowed = { yes: [1], no: [0], unknown: [0, 1] }[delivered ?? '']
      expect(allowed, JSON.stringify({ text, status, body })).toContain(arrived)
    }
    expect(answers.map(({ status }) => status)).toContain(200)
    expect((await sendNow(id, 'after')).status).toBe(200)
  })

  test('stored messages that come at the same moment are delivered once, or end as unknown and are not repeated', async () => {
    const id = await stoppedOutside(verb)
    const paths = await Promise.all(TEXTS.map((text) => send(id, { text })))
    const states = () => Promise.all(paths.map(stateOf))
    let ends = await states()
    const areAllOver = () => !ends.some((state) => state === 'queued' || state === 'sending')
    for (let passes = 0; passes < 20 && !areAllOver(); passes++) {
      await h.untilIdle()
      await expect.poll(states).not.toContain('sending')
      // One that failed while the machine was at rest waits for the next pass.
      h.advance(61_000)
      await h.deliver()
      ends = await states()
    }
    for (const [index, text] of TEXTS.entries()) {
      const allowed = { answered: [1], unknown: [0, 1] }[ends[index] ?? '']
      expect(allowed, `${text}: ${ends[index]}`).toContain(arrivalsOf(id, text))
    }
    expect(ends).toContain('answered')
  })
})
