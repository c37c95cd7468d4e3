// Rollouts that webhooks of GitHub and Gitea start under ROLLOUT_AUTO.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sampleAgent } from '../../lib/emulator/sample-agent/sample-agent.ts'
import { createHarness, type Harness } from '../support/harness.ts'
import {
  SECRET,
  GITHUB,
  GITEA,
  digest,
  REPOSITORY,
  CRASHING,
  github,
  gitea,
  githubAbout,
  type Rollout,
  listed,
  runtimeOf,
  untilEnded,
} from '../support/registry-deliveries.ts'

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

  test('a delivery starts a rollout of its image once, however often it is repeated', async () => {
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
      // The id is not signed, so a recorded delivery can be sent under another id.
      github(h, GITHUB),
      github(h, githubAbout('9'), { id }),
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

  test('an image that crashes is halted at the first tranche, rolled back, and not tried again', async () => {
    const before = await images()
    expect((await github(h, githubAbout(CRASHING))).body).toMatchObject({ status: 'recorded' })
    const done = await untilEnded(h)
    expect(done).toMatchObject({ state: 'rolled_back', tranche: 1, reason: { code: 'not_ready' } })
    expect((await h.request<Rollout>(`/rollouts/${done.id}`)).body.workspaces).toHaveLength(1)
    expect(await images()).toEqual(before)
    for (let sweeps = 0; sweeps < 3; sweeps++) await h.sweep()
    expect((await listed(h)).rollouts).toHaveLength(2)
  })

  test('the newest image that is published during a rollout is next', async () => {
    for (const digit of ['2', '3', '4']) {
      expect((await github(h, githubAbout(digit))).status).toBe(202)
      while ((await listed(h)).rollouts.length < 3) await delay(20)
    }
    await untilEnded(h)
    h.advance(1_000)
    await h.sweep({ patienceMs: 500 })
    await untilEnded(h)
    const last = (await listed(h)).rollouts.map(({ image, state }) => [image.slice(-1), state])
    expect(last.slice(0, 2)).toEqual([
      ['4', 'completed'],
      ['2', 'completed'],
    ])
    expect(await images()).toEqual(Array(4).fill(`${REPOSITORY}@${digest('4')}`))
  })

  test('a tag that Gitea reports is rolled out although the workspaces were created with it', async () => {
    const { id } = await h.createWorkspace({ runtime: 'codex' })
    expect((await gitea(h, GITEA)).body).toMatchObject({ status: 'recorded' })
    const done = await untilEnded(h)
    expect(done).toMatchObject({ runtime: 'codex', state: 'completed', started_by: 'webhook:gitea' })
    expect(done.image).toMatch(/^git\.example\.com\/molecule\/workspace-codex@sha256:/)
    expect((await h.request(`/workspaces/${id}`)).body).toMatchObject({ generation: 2, status: 'ready' })
  })

  test('the metrics count the rollouts and their outcomes', async () => {
    const { body } = await h.request<string>('/metrics')
    expect(body).toMatch(/molecule_rollout_events_total\{type="rollout_completed"\} 4\n/)
    expect(body).toContain('molecule_rollouts{state="running"} 0\n')
  })
})
