// Deliveries to inbound hooks: which workspaces accept them, how repetitions are recognised, and their limits.
import { beforeAll, describe, expect, test } from 'vitest'
import { fillQueue } from '../support/full-queue.ts'
import type { Harness, Json } from '../support/harness.ts'
import { ADMIN, HOOK_SETTINGS, hookClient, JSON_TYPE } from '../support/hook-senders.ts'
import { useScriptedHarness } from '../support/scripted-harness.ts'

const { harness, scriptedAgent } = useScriptedHarness(HOOK_SETTINGS)

let h: Harness
let agent: string
const { call, create, createHook, post, sign, deliver } = hookClient(
  () => h,
  () => agent,
)
beforeAll(async () => {
  h = harness()
  agent = await create()
})

describe('deliveries', () => {
  test('a delivery wakes a hibernated workspace', async () => {
    const sleeper = await create()
    const hook = await createHook('github', {}, sleeper)
    const slept = await call('POST', `/workspaces/${sleeper}/hibernate`)
    expect(slept.body).toMatchObject({ status: 'hibernated' })
    const { headers } = await deliver('github', hook)
    const at = new URL(String(headers.get('location'))).pathname
    expect((await call('GET', at)).body).toMatchObject({ state: 'answered' })
    expect(scriptedAgent.textsAt(sleeper)).toHaveLength(1)
  })

  test('a delivery to a paused workspace is refused with 409, so that its sender retries', async () => {
    const paused = await create()
    const hook = await createHook('stripe', {}, paused)
    await call('POST', `/workspaces/${paused}/pause`)
    expect(await deliver('stripe', hook, 'evt_1')).toMatchObject({ status: 409, body: { code: 'conflict' } })
    await call('POST', `/workspaces/${paused}/resume`)
    expect(await deliver('stripe', hook, 'evt_1')).toMatchObject({
      status: 202,
      body: { duplicate: false },
    })
  })

  test('a delivery to a workspace with a full queue is refused with 429 and a Retry-After', async () => {
    const busy = await create()
    const hook = await createHook('github', {}, busy)
    await fillQueue(h, busy)
    const { body, headers, status } = await deliver('github', hook)
    expect([status, body['code'], headers.get('retry-after')]).toEqual([429, 'rate_limited', '60'])
    await call('DELETE', `/workspaces/${busy}`)
  })

  test('a delivery that is sent ten times at once becomes one message', async () => {
    const hook = await createHook('standard')
    const answers = await Promise.all(Array.from({ length: 10 }, () => deliver('standard', hook, 'msg_1')))
    expect(new Set(answers.map(({ body }) => body['id'])).size).toBe(1)
    expect(answers.filter(({ body }) => body['duplicate'] === false)).toHaveLength(1)
    await h.untilIdle()
    expect(scriptedAgent.arrivals).toHaveLength(1)
  })

  test('a delivery is recognised by its id, not by its body, and only at the same hook', async () => {
    const [one, two] = [await createHook('stripe'), await createHook('stripe')]
    const event = (pending: number) => JSON.stringify({ id: 'evt_7', pending_webhooks: pending })
    const first = await deliver('stripe', one, 'evt_7', event(2))
    expect(await deliver('stripe', one, 'evt_7', event(1))).toMatchObject({
      status: 202,
      body: { duplicate: true, id: first.body['id'] },
    })
    expect((await deliver('stripe', two, 'evt_7', event(2))).body).toMatchObject({ duplicate: false })
  })

  test('a delivery without an id is recognised by its body for five minutes', async () => {
    const hook = await createHook('bearer')
    const headers = { ...JSON_TYPE, authorization: `Bearer ${hook.secret}` }
    const send = async (body: string) => (await post(hook.path, body, headers)).body['duplicate']
    expect([await send('{"n":1}'), await send('{"n":1}'), await send('{"n":2}')]).toEqual([
      false,
      true,
      false,
    ])
    h.advance(299_000)
    expect(await send('{"n":2}')).toBe(true)
    h.advance(301_000)
    expect(await send('{"n":1}')).toBe(false)
  })

  test('the id of a delivery is read from the header that the hook names', async () => {
    const hook = await createHook('bearer', { delivery_header: 'X-Build-Id' })
    const headers = { ...JSON_TYPE, authorization: `Bearer ${hook.secret}`, 'x-build-id': 'build 7 ü' }
    const first = await post(hook.path, '{"a":1}', headers)
    expect(first.body['message_id']).toMatch(new RegExp(`^${hook.name}:sha256-[0-9a-f]{32}$`))
    expect((await post(hook.path, '{"a":2}', headers)).body).toMatchObject({ duplicate: true })
  })

  test("the message of a delivery is read by readers of the workspace, and not by the sender's secret", async () => {
    const hook = await createHook('bearer')
    const { headers } = await deliver('bearer', hook)
    const at = new URL(String(headers.get('location'))).pathname
    const agentToken = { authorization: `Bearer ${await h.tokenOf(agent)}` }
    expect((await call('GET', at, undefined, agentToken)).status).toBe(200)
    const sender = { authorization: `Bearer ${hook.secret}` }
    expect((await call('GET', at, undefined, sender)).status).toBe(401)
    const { body } = await h.request<Json[]>(`/workspaces/${agent}/activity`, { headers: ADMIN })
    expect(body[0]).toMatchObject({ activity_type: 'a2a_receive' })
  })

  test('a signed delivery with invalid JSON is refused by the name of its field', async () => {
    const hook = await createHook('github')
    const refused = { status: 400, body: { errors: [{ field: 'body' }] } }
    expect(await deliver('github', hook, 'a', '{"a":')).toMatchObject(refused)
    expect(await deliver('github', hook, 'b', `${'['.repeat(50_000)}${']'.repeat(50_000)}`)).toMatchObject(
      refused,
    )
    expect((await post(hook.path, '{"a":', JSON_TYPE)).status).toBe(401)
  })

  test('signed deliveries are limited per minute, and unsigned ones do not count', async () => {
    const hook = await createHook('github')
    for (let times = 0; times < 60; times++) {
      expect((await post(hook.path, '{}', JSON_TYPE)).status).toBe(401)
    }
    const statuses: number[] = []
    for (let times = 0; times < 41; times++) statuses.push((await deliver('github', hook)).status)
    expect(statuses.slice(0, 30)).toEqual(statuses.slice(0, 30).fill(202))
    // A new window may have begun meanwhile.
    if (statuses.includes(429)) {
      const refused = await deliver('github', hook)
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    }
    h.advance(60_000)
    expect((await deliver('github', hook)).status).toBe(202)
  })

  test('valid large deliveries are taken while their address sends large forged ones', async () => {
    const hook = await createHook('github')
    const body = JSON.stringify({ text: 'x'.repeat(100_000) })
    const forged = () =>
      post(hook.path, body, { ...JSON_TYPE, 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` })
    const valid = () => post(hook.path, body, { ...sign['github']?.(hook.secret, body), ...JSON_TYPE })
    await forged()
    const answers = await Promise.all([forged(), valid(), forged(), valid()])
    expect(answers.map(({ status }) => status)).toEqual([401, 202, 401, 202])
  })

  test('wrong bearer secrets are limited by address, and a first delivery with the right one is taken', async () => {
    const hook = await createHook('bearer')
    const send = (secret: string) =>
      post(hook.path, '{}', { authorization: `Bearer ${secret}`, 'fly-client-ip': '192.0.2.77' })
    const statuses: number[] = []
    for (let times = 0; times < 40; times++) statuses.push((await send(`guess-${times}`)).status)
    expect([statuses[0], statuses.at(-1)]).toEqual([401, 429])
    expect((await send(hook.secret)).status).toBe(202)
  })
})

test('deliveries are counted by scheme and outcome, and neither body nor secret is logged', async () => {
  const hook = await createHook('github', { secret: 'canary-of-a-hook-secret' })
  const body = '{"text":"canary-of-a-hook-body"}'
  await post(hook.path, body, sign['github']?.(hook.secret, body) ?? {})
  await post(hook.path, body, { ...JSON_TYPE, 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` })
  const { body: metrics } = await h.request<string>('/metrics', { headers: ADMIN })
  for (const labels of ['scheme="github",outcome="stored"', 'scheme="github",outcome="refused"']) {
    expect(metrics).toContain(`molecule_webhooks_total{${labels}}`)
  }
  const logged = JSON.stringify(await h.logs())
  expect(logged).toContain('a webhook was refused')
  expect(logged).not.toContain('canary-of-a-hook')
})
