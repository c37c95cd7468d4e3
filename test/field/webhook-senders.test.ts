// What senders of webhooks do beyond one signed request: a retry of Stripe with a new signature and several of them
// (github.com/christianlouis/dmarq/issues/280), three events of GitHub for one image of several platforms
// (github.com/github/docs/issues/22091, github.com/octokit/webhooks.js/issues/646), and secrets written as `v1,whsec_…`
// (github.com/standard-webhooks/standard-webhooks/issues/235).
import { createHmac } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { ADMIN, HOOK_SETTINGS, hookClient, JSON_TYPE, SECRET } from '../support/hook-senders.ts'
import {
  digest,
  GITHUB,
  github,
  githubAbout,
  SECRET as FORGE_SECRET,
} from '../support/registry-deliveries.ts'
import { createScriptedAgent, SCRIPTED_AGENT_IMAGE } from '../support/scripted-agent.ts'

const scriptedAgent = createScriptedAgent()
let h: Harness
let agent: string
const { create, createHook, post, seconds } = hookClient(
  () => h,
  () => agent,
)
beforeAll(async () => {
  h = await createHarness({
    programs: { [SCRIPTED_AGENT_IMAGE]: scriptedAgent.program },
    env: { ...HOOK_SETTINGS, GITHUB_WEBHOOK_SECRET: FORGE_SECRET },
  })
  await h.setCanRunInBackground(true)
  agent = await create()
})
afterAll(() => h.close())

test('a retry of Stripe with another time, another body and several signatures is the same delivery', async () => {
  const hook = await createHook('stripe')
  const attempt = (pending: number, at: number) => {
    const body = JSON.stringify({ id: 'evt_280', type: 'invoice.paid', pending_webhooks: pending })
    const signed = (secret: string) => createHmac('sha256', secret).update(`${at}.${body}`).digest('hex')
    const signature = `t=${at},v1=${signed('the-secret-before')},v1=${signed(SECRET)},v0=${signed('test mode')}`
    return post(hook.path, body, { ...JSON_TYPE, 'stripe-signature': signature })
  }
  const first = await attempt(2, seconds())
  const second = await attempt(1, seconds() + 60)
  expect([first.status, first.body['duplicate'], second.status, second.body['duplicate']]).toEqual([
    202,
    false,
    202,
    true,
  ])
})

test('only the tagged one of three package events for an image of several platforms is an image', async () => {
  /** A manifest of one platform is published without a tag. */
  const untagged = (digit: string) => {
    const event = githubAbout(digit) as {
      registry_package: { package_version: { container_metadata: { tag: Json } } }
    }
    event.registry_package.package_version.container_metadata.tag = { name: '', digest: digest(digit) }
    return event
  }
  const answers = [await github(h, untagged('7')), await github(h, untagged('8')), await github(h, GITHUB)]
  expect(answers.map(({ body, status }) => [status, body['status']])).toEqual([
    [202, 'ignored'],
    [202, 'ignored'],
    [202, 'recorded'],
  ])
})

test('a secret of Standard Webhooks in the form v1,whsec_ verifies deliveries', async () => {
  const key = `whsec_${btoa('a secret of thirty two bytes!!!!')}`
  const hook = await createHook('standard', { secret: `v1,${key}` })
  const body = JSON.stringify({ type: 'user.created' })
  const signature = new Webhook(key).sign('msg_1', new Date(seconds() * 1_000), body)
  const headers = {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(seconds()),
    'webhook-signature': signature,
  }
  expect((await post(hook.path, body, { ...JSON_TYPE, ...headers })).status).toBe(202)
  const { body: hooks } = await h.request<Json[]>(`/workspaces/${agent}/hooks`, { headers: ADMIN })
  expect(JSON.stringify(hooks)).not.toContain(key)
})
