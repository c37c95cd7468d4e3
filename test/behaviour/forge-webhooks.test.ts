// GitHub and Gitea tell that an image was published. The deliveries have the members, names and nesting of those that are
// documented (test/fixtures/webhooks; for GitHub octokit/webhooks, payload-examples/api.github.com/registry_package; for Gitea
// go-gitea/gitea, modules/structs/package.go and services/convert/package.go), about images of ours.
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sampleAgent } from '../../lib/emulator/sample-agent/sample-agent.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

const SECRET = 'a secret that only the forge knows'
const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`../fixtures/webhooks/${name}.json`, import.meta.url), 'utf8')) as Json
const GITHUB = fixture('github-registry-package')
const GITEA = fixture('gitea-package')
const digest = (digit: string) => `sha256:${digit.repeat(64)}`
const REPOSITORY = 'ghcr.io/molecule-ai/workspace-hermes'
const CRASHING = 'c'

type Delivery = {
  event?: string
  id?: string
  secret?: string
  headers?: Record<string, string>
  text?: string
}
const hmac = (text: string, secret: string) => createHmac('sha256', secret).update(text).digest('hex')

function github(h: Harness, payload: unknown, delivery: Delivery = {}) {
  const { event = 'registry_package', headers, id = crypto.randomUUID(), secret = SECRET } = delivery
  const body = delivery.text ?? JSON.stringify(payload)
  return h.request('/webhooks/github', {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      'user-agent': 'GitHub-Hookshot/0000000',
      'x-github-event': event,
      'x-github-delivery': id,
      'x-hub-signature-256': `sha256=${hmac(body, secret)}`,
      ...headers,
    },
  })
}

function gitea(h: Harness, payload: unknown, { event = 'package', headers }: Delivery = {}) {
  const body = JSON.stringify(payload)
  return h.request('/webhooks/gitea', {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/json',
      'x-gitea-event': event,
      'x-gitea-delivery': crypto.randomUUID(),
      'x-gitea-signature': hmac(body, SECRET),
      ...headers,
    },
  })
}

/** The delivery, about another digest or tag. */
const about = (digit: string, tag = 'latest') =>
  JSON.parse(
    JSON.stringify(GITHUB)
      .replaceAll(digest('1'), digest(digit))
      .replaceAll('"latest"', JSON.stringify(tag))
      .replaceAll('hermes:latest', `hermes:${tag}`),
  ) as Json

type Rollout = Json & { id: string; state: string; image: string; workspaces: { state: string }[] }
type Listed = {
  rollouts: Rollout[]
  runtimes: (Json & { runtime: string; published: { image: string } | null })[]
  webhooks: Json[]
}
const listed = async (h: Harness) => (await h.request<Listed>('/rollouts')).body
const runtimeOf = async (h: Harness, name: string) =>
  (await listed(h)).runtimes.find(({ runtime }) => runtime === name)

async function untilEnded(h: Harness): Promise<Rollout> {
  for (let sweeps = 0; sweeps < 60; sweeps++) {
    await h.untilIdle()
    const [newest] = (await listed(h)).rollouts
    if (newest !== undefined && !['running', 'rolling_back'].includes(newest.state)) return newest
    h.advance(20_000)
    await h.sweep({ patienceMs: 2_000 })
  }
  throw new Error(`no end of ${JSON.stringify((await listed(h)).rollouts)}`)
}

describe('with the policy auto', () => {
  let h: Harness
  let fleet: { id: string }[]
  beforeAll(async () => {
    h = await createHarness({
      env: {
        GITHUB_WEBHOOK_SECRET: SECRET,
        GITEA_WEBHOOK_SECRET: SECRET,
        ROLLOUT_AUTO: 'hermes,codex',
        RUNTIME_IMAGES: 'codex=git.example.com/molecule/workspace-codex:stable',
      },
      programs: {
        'git.example.com/molecule/workspace-codex*': sampleAgent,
        [`${REPOSITORY}@${digest(CRASHING)}`]: async () => 3,
      },
    })
    fleet = await Promise.all(Array.from({ length: 4 }, (_, at) => h.createWorkspace({ name: `ws ${at}` })))
  })
  afterAll(() => h.close())
  const images = () => Promise.all(fleet.map(async ({ id }) => (await h.machineOf(id)).config.image))

  test('a delivery rolls its image through the fleet, once, however often it is told', async () => {
    const id = crypto.randomUUID()
    const image = `${REPOSITORY}@${digest('1')}`
    const answer = await github(h, GITHUB, { id })
    expect(answer).toMatchObject({ status: 202, body: { status: 'recorded', image, runtimes: ['hermes'] } })
    expect(await untilEnded(h)).toMatchObject({
      state: 'completed',
      image,
      started_by: 'webhook:github',
      tranches: [1, 2, 'all'],
    })
    expect(await images()).toEqual(Array(4).fill(image))

    const again = await Promise.all([
      github(h, GITHUB, { id }),
      // The id is not signed: whoever has a delivery can send it under another one.
      github(h, GITHUB),
      github(h, about('9'), { id }),
      github(
        h,
        { ...GITHUB, registry_package: undefined, package: GITHUB['registry_package'] },
        { event: 'package' },
      ),
    ])
    for (const { body, status } of again) expect([status, body['status']]).toEqual([202, 'known'])
    await h.sweep()
    await h.untilIdle()
    expect((await listed(h)).rollouts).toHaveLength(1)
    expect(await runtimeOf(h, 'hermes')).toMatchObject({
      policy: 'auto',
      image,
      published: { image, tag: 'latest' },
    })
  })

  test('a bad image is halted at the first tranche, rolled back, and not tried again', async () => {
    const before = await images()
    expect((await github(h, about(CRASHING))).body).toMatchObject({ status: 'recorded' })
    const done = await untilEnded(h)
    expect(done).toMatchObject({ state: 'rolled_back', tranche: 1, reason: { code: 'not_ready' } })
    expect((await h.request<Rollout>(`/rollouts/${done.id}`)).body.workspaces).toHaveLength(1)
    expect(await images()).toEqual(before)
    for (let sweeps = 0; sweeps < 3; sweeps++) await h.sweep()
    expect((await listed(h)).rollouts).toHaveLength(2)
  })

  test('an image that comes while another is under way is next, if it is the newest then', async () => {
    for (const digit of ['2', '3', '4']) {
      expect((await github(h, about(digit))).status).toBe(202)
      while ((await listed(h)).rollouts.length < 3) await new Promise((done) => setTimeout(done, 20))
    }
    await untilEnded(h)
    h.advance(1_000)
    await h.sweep({ patienceMs: 2_000 })
    await untilEnded(h)
    const last = (await listed(h)).rollouts.map(({ image, state }) => [image.slice(-1), state])
    expect(last.slice(0, 2)).toEqual([
      ['4', 'completed'],
      ['2', 'completed'],
    ])
    expect(await images()).toEqual(Array(4).fill(`${REPOSITORY}@${digest('4')}`))
  })

  test('a tag that Gitea tells of is rolled out again, though all were made with it', async () => {
    const { id } = await h.createWorkspace({ runtime: 'codex' })
    expect((await gitea(h, GITEA)).body).toMatchObject({ status: 'recorded' })
    const done = await untilEnded(h)
    expect(done).toMatchObject({ runtime: 'codex', state: 'completed', started_by: 'webhook:gitea' })
    expect(done.image).toMatch(/^git\.example\.com\/molecule\/workspace-codex@sha256:/)
    expect((await h.request(`/workspaces/${id}`)).body).toMatchObject({ generation: 2, status: 'ready' })
  })

  test('what it came to is in the numbers', async () => {
    const { body } = await h.request<string>('/metrics')
    expect(body).toMatch(/molecule_rollout_events_total\{type="rollout_completed"\} 4\n/)
    expect(body).toContain('molecule_rollouts{state="running"} 0\n')
  })
})

describe('with the policy manual', () => {
  let h: Harness
  beforeAll(async () => {
    h = await createHarness({
      env: {
        GITHUB_WEBHOOK_SECRET: SECRET,
        GITEA_WEBHOOK_SECRET: SECRET,
        RUNTIME_IMAGES: 'codex=git.example.com/molecule/workspace-codex:stable',
      },
    })
  })
  afterAll(() => h.close())

  test('an image is written down, and nothing else', async () => {
    expect((await github(h, GITHUB)).body).toMatchObject({ status: 'recorded' })
    expect(await listed(h)).toMatchObject({
      rollouts: [],
      webhooks: [{ is_set: true }, { is_set: true, setting: 'GITEA_WEBHOOK_SECRET' }],
    })
    expect(await runtimeOf(h, 'hermes')).toMatchObject({
      policy: 'manual',
      image: `${REPOSITORY}:latest`,
      published: { image: `${REPOSITORY}@${digest('1')}` },
    })
  })

  test('Gitea tells the tag alone, and what was pushed anew is news', async () => {
    const image = 'git.example.com/molecule/workspace-codex:stable'
    expect(await gitea(h, GITEA)).toMatchObject({
      status: 202,
      body: { status: 'recorded', image, runtimes: ['codex'] },
    })
    expect((await gitea(h, GITEA)).body).toMatchObject({ status: 'known' })
    const pushed = { ...GITEA, package: { ...(GITEA['package'] as Json), id: 312 } }
    expect((await gitea(h, pushed)).body).toMatchObject({ status: 'recorded' })
    for (const change of [{ version: digest('1') }, { version: 'dev' }, { type: 'npm' }, { name: 'other' }]) {
      const other = { ...GITEA, package: { ...(GITEA['package'] as Json), id: 400, ...change } }
      expect(await gitea(h, other)).toMatchObject({ status: 202, body: { status: 'ignored' } })
    }
  })

  test.each<[string, Json, Delivery]>([
    ['another event', GITHUB, { event: 'push' }],
    ['another action', { ...GITHUB, action: 'deleted' }, {}],
    ['an action of no kind', { ...GITHUB, action: { a: 1 } }, {}],
    ['a manifest without a tag', about('8', ''), {}],
    ['a tag that nobody uses', about('8', 'pr-17'), {}],
    ['no package', { action: 'published' }, {}],
    [
      'a package that is no container',
      { action: 'published', package: { namespace: 'a', name: 'b', package_version: { version: '1' } } },
      { event: 'package' },
    ],
    [
      'an image of nobody here',
      JSON.parse(JSON.stringify(about('8')).replaceAll('workspace-', 'other-')) as Json,
      {},
    ],
    ['null', null as unknown as Json, {}],
  ])('%s is taken and ignored', async (_, payload, delivery) => {
    const { body, status } = await github(h, payload, delivery)
    expect([status, body['status'], typeof body['reason']]).toEqual([202, 'ignored', 'string'])
  })

  test('a ping is answered, and a form is read as JSON is', async () => {
    expect(await github(h, { zen: 'Design for failure.' }, { event: 'ping' })).toMatchObject({
      status: 200,
      body: { status: 'pong' },
    })
    const text = new URLSearchParams({ payload: JSON.stringify(about('7')) }).toString()
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    expect((await github(h, {}, { text, headers })).body).toMatchObject({ status: 'recorded' })
  })

  test('a wrong signature tells nothing, whatever is wrong with it', async () => {
    const signature = `sha256=${hmac(JSON.stringify(GITHUB), SECRET)}`
    const answers = await Promise.all([
      github(h, GITHUB, { secret: 'another secret' }),
      github(h, GITHUB, { headers: { 'x-hub-signature-256': '' } }),
      github(h, GITHUB, { headers: { 'x-hub-signature-256': 'sha256=' } }),
      github(h, GITHUB, { headers: { 'x-hub-signature-256': `${signature}0` } }),
      github(h, GITHUB, { headers: { 'x-hub-signature-256': signature.replace('sha256', 'sha1') } }),
      github(h, { ...GITHUB, action: 'updated' }, { headers: { 'x-hub-signature-256': signature } }),
      github(h, {}, { text: 'not JSON', secret: 'another secret' }),
      github(h, {}, { event: 'ping', secret: 'another secret' }),
      gitea(h, GITEA, { headers: { 'x-gitea-signature': hmac('{}', SECRET) } }),
    ])
    const said = answers.map(({ body, status }) => ({ ...body, status, request_id: '' }))
    expect(new Set(said.map((one) => JSON.stringify(one))).size).toBe(1)
    expect(said[0]).toMatchObject({ status: 401, detail: 'the signature is not valid' })
  })

  test('what is signed and cannot be read is refused by its field', async () => {
    expect(await github(h, {}, { text: '{' })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'body' }] },
    })
    expect(await github(h, GITHUB, { id: '' })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'x-github-delivery' }] },
    })
    expect(await github(h, GITHUB, { event: '' })).toMatchObject({ status: 400 })
    expect((await github(h, {}, { text: 'x'.repeat(2_000_000) })).status).toBe(413)
  })
})

test('without its secret there is no such door, and only who may read rollouts learns why', async () => {
  const h = await createHarness({ env: { ADMIN_TOKEN: 'a-token-of-this-test' } })
  try {
    const { body, status } = await github(h, GITHUB)
    const nowhere = await h.request('/webhooks/gitlab', { method: 'POST', body: '{}' })
    expect(status).toBe(404)
    expect(body['error']).toBe(String(nowhere.body['error']).replace('gitlab', 'github'))
    const headers = { authorization: 'Bearer a-token-of-this-test' }
    const { body: list } = await h.request<Listed>('/rollouts', { headers })
    expect(list.webhooks).toContainEqual({
      path: '/webhooks/github',
      setting: 'GITHUB_WEBHOOK_SECRET',
      is_set: false,
    })
  } finally {
    await h.close()
  }
})
