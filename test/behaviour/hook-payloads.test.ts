// The payloads of inbound hooks: forms, challenges, filters of events, and templates that make the message.
import { beforeAll, describe, expect, test } from 'vitest'
import type { Harness } from '../support/harness.ts'
import { FORM_TYPE, type Headers, HOOK_SETTINGS, hookClient, messageIn } from '../support/hook-senders.ts'
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

describe('form bodies', () => {
  const form = (fields: Headers) => new URLSearchParams(fields).toString()

  test('the payload field of a form by GitHub or Gitea becomes the message', async () => {
    const payload = JSON.stringify({ action: 'opened', number: 7 })
    const body = form({ payload })
    const github = await createHook('github')
    const gitea = await createHook('gitea')
    const signed = { ...sign['github']?.(github.secret, body), ...FORM_TYPE }
    expect((await post(github.path, body, signed)).status).toBe(202)
    // Gitea signs the payload rather than the form.
    const within = { ...sign['gitea']?.(gitea.secret, payload), ...FORM_TYPE }
    expect((await post(gitea.path, body, within)).status).toBe(202)
    await h.untilIdle()
    expect(scriptedAgent.textsAt(agent)).toEqual([payload, payload])
  })

  test("Slack's commands and buttons are answered with an empty 200", async () => {
    const hook = await createHook('slack', { template: '{{command}} {{text}}{{actions.0.action_id}}' })
    for (const fields of [
      { command: '/ask', text: 'what is up?', trigger_id: '1.2' },
      {
        payload: JSON.stringify({ type: 'block_actions', trigger_id: '3.4', actions: [{ action_id: 'ok' }] }),
      },
    ]) {
      const body = form(fields)
      const answer = await post(hook.path, body, { ...sign['slack']?.(hook.secret, body), ...FORM_TYPE })
      expect([answer.status, answer.body]).toEqual([200, undefined])
      expect(answer.headers.get('location')).toContain(`/workspaces/${agent}/messages/`)
    }
    await h.untilIdle()
    expect(scriptedAgent.textsAt(agent).toSorted()).toEqual([' ok', '/ask what is up?'])
  })

  test('a body that is no form despite its content type is used as it is', async () => {
    const hook = await createHook('bearer')
    const headers = { ...FORM_TYPE, authorization: `Bearer ${hook.secret}` }
    const texts = ['{"a":1}', 'hello', '']
    for (const body of texts) {
      expect(
        (
          await post(hook.path, body, {
            ...headers,
            ...(body === 'hello' ? { 'content-type': 'text/plain' } : {}),
          })
        ).status,
      ).toBe(202)
    }
    await h.untilIdle()
    expect(scriptedAgent.textsAt(agent).toSorted()).toEqual(
      ['{"a":1}', 'hello', `The hook ${hook.name} received a request without a body.`].toSorted(),
    )
  })
})

test("Slack's challenge is answered only with a valid signature", async () => {
  const hook = await createHook('slack')
  const body = JSON.stringify({
    type: 'url_verification',
    challenge: '3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P',
  })
  const headers = sign['slack']?.(hook.secret, body) ?? {}
  const { status, body: answer } = await post(hook.path, body, headers)
  expect([status, answer]).toEqual([200, '3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P'])
  expect((await post(hook.path, body, { ...headers, 'x-slack-signature': 'v0=' })).status).toBe(401)
})

test("GitHub's ping is answered and does not reach the agent", async () => {
  const hook = await createHook('github')
  const body = '{"zen":"Keep it logically awesome."}'
  const headers = { ...sign['github']?.(hook.secret, body), 'x-github-event': 'ping' }
  expect(await post(hook.path, body, headers)).toMatchObject({ status: 200, body: { pong: true } })
  await h.untilIdle()
  expect(scriptedAgent.arrivals).toHaveLength(0)
})

test('a hook accepts the events that it names, and the response names the events that it ignored', async () => {
  const hook = await createHook('github', { events: ['pull_request.opened', 'issues'] })
  const send = (event: string, action: string) => {
    const body = JSON.stringify({ action })
    return post(hook.path, body, { ...sign['github']?.(hook.secret, body), 'x-github-event': event })
  }
  expect((await send('pull_request', 'opened')).body).toMatchObject({ queued: true })
  expect((await send('issues', 'closed')).body).toMatchObject({ queued: true })
  expect(await send('pull_request', 'closed')).toMatchObject({
    status: 202,
    body: { queued: false, ignored: ['pull_request.closed', 'pull_request'] },
  })
  const stripe = await createHook('stripe', { events: ['invoice.*'] })
  expect((await deliver('stripe', stripe)).body).toMatchObject({ queued: true })
  expect(
    (await deliver('stripe', stripe, 'evt_x', '{"id":"evt_x","type":"charge.failed"}')).body,
  ).toMatchObject({ queued: false })
})

test('a template makes the message, and a changed template applies to the next delivery', async () => {
  const hook = await createHook('github', {
    template:
      'New {{$event}} "{{pull_request.title}}" by {{sender.login}} ({{ labels.0 }}, {{number}}, {{pull_request}})',
  })
  const body = JSON.stringify({
    pull_request: { title: '{{sender.login}} {{$payload}}' },
    labels: ['bug'],
    number: 7,
  })
  await post(hook.path, body, sign['github']?.(hook.secret, body) ?? {})
  await h.untilIdle()
  const path = `/workspaces/${agent}/hooks/${hook.name}`
  expect((await call('PATCH', path, { template: 'just {{$delivery}}' })).status).toBe(200)
  await post(hook.path, body, sign['github']?.(hook.secret, body, 'd-2') ?? {})
  await h.untilIdle()
  expect(scriptedAgent.textsAt(agent)).toEqual([
    'New pull_request "{{sender.login}} {{$payload}}" by  (bug, 7, {"title":"{{sender.login}} {{$payload}}"})',
    'just d-2',
  ])
  expect(messageIn(scriptedAgent.arrivals[0]?.body ?? '').parts).toHaveLength(1)
})
