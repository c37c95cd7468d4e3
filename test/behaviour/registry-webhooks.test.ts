// Webhooks of GitHub and Gitea about published images. The deliveries have the fields and nesting of the documented ones
// (test/fixtures/webhooks; for GitHub octokit/webhooks, payload-examples/api.github.com/registry_package; for Gitea go-gitea/gitea,
// modules/structs/package.go and services/convert/package.go), about our images.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import {
  SECRET,
  GITHUB,
  GITEA,
  digest,
  REPOSITORY,
  type Delivery,
  hmac,
  github,
  gitea,
  githubAbout,
  type Listed,
  listed,
  runtimeOf,
} from '../support/registry-deliveries.ts'

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

  test('a published image is recorded and no rollout starts', async () => {
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

  test('Gitea reports a tag, and a tag that is pushed again is recorded again', async () => {
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
    ['an invalid action', { ...GITHUB, action: { a: 1 } }, {}],
    ['a manifest without a tag', githubAbout('8', ''), {}],
    ['an unused tag', githubAbout('8', 'pr-17'), {}],
    ['no package', { action: 'published' }, {}],
    [
      'a package that is not a container',
      { action: 'published', package: { namespace: 'a', name: 'b', package_version: { version: '1' } } },
      { event: 'package' },
    ],
    [
      'the image of no runtime',
      JSON.parse(JSON.stringify(githubAbout('8')).replaceAll('workspace-', 'other-')) as Json,
      {},
    ],
    ['a null payload', null as unknown as Json, {}],
  ])('a delivery with %s is accepted and ignored', async (_, payload, delivery) => {
    const { body, status } = await github(h, payload, delivery)
    expect([status, body['status'], typeof body['reason']]).toEqual([202, 'ignored', 'string'])
  })

  test('a ping is answered, and a form is read like JSON', async () => {
    expect(await github(h, { zen: 'Design for failure.' }, { event: 'ping' })).toMatchObject({
      status: 200,
      body: { status: 'pong' },
    })
    const text = new URLSearchParams({ payload: JSON.stringify(githubAbout('7')) }).toString()
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    expect((await github(h, {}, { text, headers })).body).toMatchObject({ status: 'recorded' })
  })

  test('all invalid signatures get the same refusal', async () => {
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
    const refusals = answers.map(({ body, status }) => ({ ...body, status, request_id: '' }))
    expect(new Set(refusals.map((one) => JSON.stringify(one))).size).toBe(1)
    expect(refusals[0]).toMatchObject({ status: 401, detail: 'the signature is not valid' })
  })

  test('a signed delivery that is invalid is refused by the name of its field', async () => {
    expect(await github(h, {}, { text: '{' })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'body' }] },
    })
    expect(await github(h, GITHUB, { id: '' })).toMatchObject({
      status: 400,
      body: { errors: [{ field: 'x-github-delivery' }] },
    })
    expect(await github(h, GITHUB, { event: '' })).toMatchObject({ status: 400 })
    expect((await github(h, {}, { text: 'x'.repeat(26_214_401) })).status).toBe(413)
  })
})

test('without its secret a registry webhook is an unknown path, and readers of rollouts see which setting is missing', async () => {
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
