// The answer that each sender of webhooks needs, for every outcome: the whole table, sent by each sender in its own form.
import { beforeAll, describe, expect, test } from 'vitest'
import { ANSWERS, type Outcome, type Sender } from '../../lib/hooks/answers.ts'
import type { Harness } from '../support/harness.ts'
import { BODIES, FORM_TYPE, HOOK_SETTINGS, hookClient, JSON_TYPE } from '../support/hook-senders.ts'
import { useScriptedHarness } from '../support/scripted-harness.ts'

const { harness, scriptedAgent } = useScriptedHarness(HOOK_SETTINGS)

let h: Harness
let agent: string
let paused: string
const { call, create, createHook, post, sign } = hookClient(
  () => h,
  () => agent,
)
beforeAll(async () => {
  h = harness()
  agent = await create()
  paused = await create()
  await call('POST', `/workspaces/${paused}/pause`)
})

/** What each sender sends: its content type, and its body for a delivery. */
const REQUESTS: Record<Sender, { scheme: string; form?: true; body: (delivery: string) => string }> = {
  standard: { scheme: 'standard', body: (id) => JSON.stringify(BODIES['standard']?.(id)) },
  github: { scheme: 'github', body: (id) => JSON.stringify(BODIES['github']?.(id)) },
  gitea: { scheme: 'gitea', body: (id) => JSON.stringify(BODIES['gitea']?.(id)) },
  stripe: { scheme: 'stripe', body: (id) => JSON.stringify(BODIES['stripe']?.(id)) },
  bearer: { scheme: 'bearer', body: (id) => JSON.stringify(BODIES['bearer']?.(id)) },
  'slack event': { scheme: 'slack', body: (id) => JSON.stringify(BODIES['slack']?.(id)) },
  'slack command': {
    scheme: 'slack',
    form: true,
    body: (id) => new URLSearchParams({ command: '/ask', text: 'up?', trigger_id: id }).toString(),
  },
  'slack interaction': {
    scheme: 'slack',
    form: true,
    body: (id) =>
      new URLSearchParams({
        payload: JSON.stringify({ type: 'view_submission', trigger_id: id }),
      }).toString(),
  },
}
const SENDERS = Object.keys(REQUESTS) as Sender[]

async function send(sender: Sender, hook: { path: string; secret: string }, delivery: string, body?: string) {
  const { body: bodyOf, form, scheme } = REQUESTS[sender]
  const text = body ?? bodyOf(delivery)
  const signed = sign[scheme]?.(hook.secret, text, delivery) ?? {}
  const event = body?.includes('"zen"') === true ? { 'x-github-event': 'ping' } : {}
  const {
    body: answer,
    headers,
    status,
  } = await post(hook.path, text, {
    ...signed,
    ...event,
    ...(form === true ? FORM_TYPE : {}),
  })
  return { status, answer, hasLocation: headers.has('location') }
}

const taken = (duplicate: boolean) => ({
  status: 202,
  answer: expect.objectContaining({ queued: true, duplicate }) as unknown,
  hasLocation: true,
})
const ignored = {
  status: 202,
  answer: { queued: false, ignored: expect.any(Array) as unknown },
  hasLocation: false,
}
const refused = { status: 409, answer: expect.objectContaining({ code: 'conflict' }) as unknown }
const empty = { status: 200, answer: undefined }

type Expected = Record<Extract<Outcome, 'stored' | 'repeated' | 'ignored' | 'refused'>, object>

/** For senders that take any success. */
const ANY: Expected = { stored: taken(false), repeated: taken(true), ignored, refused }

const EXPECTED: Record<Sender, Expected> = {
  standard: ANY,
  github: ANY,
  gitea: ANY,
  stripe: ANY,
  bearer: ANY,
  'slack event': ANY,
  'slack command': {
    stored: empty,
    repeated: empty,
    ignored: empty,
    refused: {
      status: 200,
      answer: { response_type: 'ephemeral', text: expect.stringContaining('paused') as string },
    },
  },
  'slack interaction': { stored: empty, repeated: empty, ignored: empty, refused },
}

test('the table has every sender and every outcome', () => {
  const outcomes: Outcome[] = ['stored', 'repeated', 'ignored', 'pong', 'challenge', 'refused']
  expect(Object.keys(ANSWERS).toSorted()).toEqual(SENDERS.toSorted())
  for (const sender of SENDERS) expect(Object.keys(ANSWERS[sender]).toSorted()).toEqual(outcomes.toSorted())
})

describe.each(SENDERS)('the sender %s', (sender) => {
  const { scheme } = REQUESTS[sender]

  test(`${sender} gets the answer that it needs for taken, repeated, ignored and refused deliveries`, async () => {
    const hook = await createHook(scheme)
    const picky = await createHook(scheme, { events: ['never'] })
    const resting = await createHook(scheme, {}, paused)
    expect({
      stored: await send(sender, hook, 'd-1'),
      repeated: await send(sender, hook, 'd-1'),
      ignored: await send(sender, picky, 'd-2'),
      refused: await send(sender, resting, 'd-3'),
    }).toMatchObject(EXPECTED[sender])
  })

  test(`${sender} gets 401 for a wrong signature`, async () => {
    const hook = await createHook(scheme)
    const wrong = { ...hook, secret: `whsec_${btoa('not the right secret')}` }
    expect((await send(sender, wrong, 'd-1')).status).toBe(401)
  })
})

describe('tests and checks', () => {
  test("GitHub's ping is answered where events are selected, and while the workspace is paused", async () => {
    for (const hook of [
      await createHook('github', { events: ['issues'] }),
      await createHook('github', {}, paused),
    ])
      expect(await send('github', hook, 'd-1', '{"zen":"Design for failure.","hook":{}}')).toMatchObject({
        status: 200,
        answer: { pong: true },
      })
  })

  test("Slack's challenge is answered where events are selected, and while the workspace is paused", async () => {
    const body = JSON.stringify({ type: 'url_verification', challenge: '3eZbrw1aBm2r' })
    for (const hook of [
      await createHook('slack', { events: ['message'] }),
      await createHook('slack', {}, paused),
    ])
      expect(await send('slack event', hook, 'd-1', body)).toMatchObject({
        status: 200,
        answer: '3eZbrw1aBm2r',
      })
  })

  test("Slack's certificate checks get 200 without a signature, at any address, and become no message", async () => {
    const hook = await createHook('slack')
    for (const path of [hook.path, `${hook.path}-unknown`]) {
      expect((await h.request(`${path}?ssl_check=1&token=abc`)).status).toBe(200)
      const checked = await post(path, 'ssl_check=1&token=abc', FORM_TYPE)
      expect([checked.status, checked.body]).toEqual([200, undefined])
      expect((await h.request(path)).status).toBe(405)
      expect((await post(path, '{"ssl_check":1}', JSON_TYPE)).status).toBe(401)
    }
    await h.untilIdle()
    expect(scriptedAgent.arrivals).toHaveLength(0)
  })
})
