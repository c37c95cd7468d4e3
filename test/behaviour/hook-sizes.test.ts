// Large deliveries to inbound hooks: senders such as GitHub cannot make them smaller and do not repeat them
// (github.com/argoproj/argo-events/issues/3861, github.com/microsoft/ghcrawler/issues/148, github.com/caprover/caprover/issues/2416).
import { beforeAll, describe, expect, test } from 'vitest'
import type { Harness, Json } from '../support/harness.ts'
import { ADMIN, HOOK_SETTINGS, hookClient, JSON_TYPE, messageIn } from '../support/hook-senders.ts'
import { useScriptedHarness } from '../support/scripted-harness.ts'

const LIMIT = 4_000_000
const { harness, scriptedAgent } = useScriptedHarness({
  ...HOOK_SETTINGS,
  HOOK_MAX_BODY_BYTES: `${LIMIT},slack=20000`,
  A2A_MAX_BODY_BYTES: '3000000',
})

let h: Harness
let agent: string
const { call, create, createHook, post, deliver } = hookClient(
  () => h,
  () => agent,
)
beforeAll(async () => {
  h = harness()
  agent = await create()
})

/** A push like GitHub's: the long list comes before the last member. */
const push = (length: number) =>
  JSON.stringify({
    ref: 'refs/heads/main',
    commits: Array.from({ length: Math.floor(length / 1_000) }, (_, at) => ({
      id: at,
      message: 'x'.repeat(970),
    })),
    head_commit: { message: 'the last member' },
  })

async function refusals(hook: { name: string }) {
  const { body } = await h.request<{ events: { payload: Json }[] }>(
    `/workspaces/${agent}/events?types=hook_delivery_refused&limit=100`,
    { headers: ADMIN },
  )
  return body.events.map(({ payload }) => payload).filter((payload) => payload['hook'] === hook.name)
}

describe('a large delivery', () => {
  test('a push of several megabytes is taken, and the template reads the values after its long list', async () => {
    const hook = await createHook('github', {
      template: '{{head_commit.message}}, {{commits.length}} commits, {{ref}}',
    })
    const answer = await deliver('github', hook, 'd-1', push(2_800_000))
    expect([answer.status, answer.body['queued']]).toEqual([202, true])
    await h.untilIdle()
    expect(scriptedAgent.textsAt(agent)).toEqual(['the last member, 2800 commits, refs/heads/main'])
  })

  test('a payload that is too large for a message is cut, and the message says so', async () => {
    const hook = await createHook('github')
    const body = push(3_500_000)
    expect((await deliver('github', hook, 'd-1', body)).status).toBe(202)
    await h.untilIdle()
    const { metadata, parts } = messageIn(scriptedAgent.arrivals[0]?.body ?? '')
    expect(metadata).toMatchObject({ hook: hook.name, truncated: true, payload_bytes: body.length })
    expect(parts).toHaveLength(1)
    expect(String(parts[0]?.['text']).slice(0, 20_000)).toBe(body.slice(0, 20_000))
  })

  test('a delivery above the limit of its hook or its scheme is refused, and an event and a metric name the hook', async () => {
    const small = await createHook('github', { max_body_bytes: 2_000 })
    const slack = await createHook('slack')
    const body = JSON.stringify({ text: 'x'.repeat(30_000) })
    for (const [scheme, hook, limit] of [
      ['github', small, 2_000],
      ['slack', slack, 20_000],
    ] as const) {
      const refused = await deliver(scheme, hook, 'd-1', body)
      expect(refused).toMatchObject({ status: 413, body: { code: 'too_large' } })
      await h.untilIdle()
      expect(await refusals(hook)).toEqual([
        {
          hook: hook.name,
          scheme,
          reason: 'too_large',
          message: expect.stringContaining(String(limit)) as string,
          bytes: body.length,
        },
      ])
      const { body: metrics } = await h.request<string>('/metrics', { headers: ADMIN })
      expect(metrics).toContain(
        `molecule_hook_refusals_total{hook="${hook.name}",scheme="${scheme}",reason="too_large"} 1`,
      )
    }
    const path = `/workspaces/${agent}/hooks/${small.name}`
    expect((await call('PATCH', path, { max_body_bytes: null })).body).toMatchObject({ max_body_bytes: null })
    expect((await deliver('github', small, 'd-2', body)).status).toBe(202)
  })

  test('a delivery above every limit has the same answer at every address, and is an event of an existing hook', async () => {
    const hook = await createHook('github')
    const body = 'x'.repeat(LIMIT + 1)
    for (const path of [hook.path, `${hook.path}-unknown`]) {
      const refused = await post(path, body, JSON_TYPE)
      expect([refused.status, refused.body['code'], refused.body['detail']]).toEqual([
        413,
        'too_large',
        `the body is larger than ${LIMIT} bytes`,
      ])
    }
    await h.untilIdle()
    expect(await refusals(hook)).toMatchObject([{ reason: 'too_large' }])
  })

  test('a delivery between the limits of two hooks does not show which hooks exist', async () => {
    const hook = await createHook('github', { max_body_bytes: 2_000 })
    const body = 'x'.repeat(30_000)
    expect((await post(hook.path, body, JSON_TYPE)).status).toBe(401)
    expect((await post(`${hook.path}-unknown`, body, JSON_TYPE)).status).toBe(401)
  })
})

test('wrong signatures are one event a minute for a hook', async () => {
  const hook = await createHook('github')
  for (let times = 0; times < 3; times++) await post(hook.path, '{}', JSON_TYPE)
  await h.untilIdle()
  expect(await refusals(hook)).toMatchObject([{ reason: 'signature', bytes: 2 }])
  h.advance(60_000)
  await post(hook.path, '{}', JSON_TYPE)
  await h.untilIdle()
  expect(await refusals(hook)).toHaveLength(2)
})
