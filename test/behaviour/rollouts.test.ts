// Rollouts of an image to a fleet: tranches, busy and hibernated workspaces, trials, commands. The tests read which image each
// machine runs at Fly.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askRegion, type Harness, type Json } from '../support/harness.ts'
import { createGate, createScriptedAgent, reply } from '../support/scripted-agent.ts'
import {
  REPOSITORY,
  digest,
  image,
  type Rollout,
  openRolloutHarness,
  fleetOf,
  start,
  command,
  read,
  statusOf,
  imageOf,
  imagesOf,
  runtimeOf,
  until,
  ended,
} from '../support/rollouts.ts'

describe('rolling out an image', () => {
  let h: Harness
  const scriptedAgent = createScriptedAgent()
  beforeAll(async () => {
    h = await openRolloutHarness({}, { 'ghcr.io/molecule-ai/workspace-langgraph*': scriptedAgent.program })
  })
  afterAll(() => h.close())

  test('an image is rolled out tranche by tranche: busy workspaces later, hibernated ones when they wake, and those with their own image not at all', async () => {
    const fleet = await fleetOf(h, 5)
    const [first, busy, asleep] = fleet as [
      Json & { id: string },
      Json & { id: string },
      Json & { id: string },
    ]
    const pinned = await h.createWorkspace({ image: `${REPOSITORY}:pinned` })
    const heartbeat = async (active_tasks: number) =>
      h.request('/registry/heartbeat', {
        method: 'POST',
        json: { workspace_id: busy.id, active_tasks },
        headers: { authorization: `Bearer ${await h.tokenOf(busy.id)}` },
      })
    expect((await heartbeat(1)).status).toBe(200)
    await h.request(`/workspaces/${asleep.id}/hibernate`, { method: 'POST' })
    await h.untilIdle()

    const started = await start(h, { digest: digest('1'), tranches: [1, 2], watch_seconds: 30 })
    expect(started).toMatchObject({
      status: 201,
      body: { state: 'running', image: image('1'), tranche: 1, tranches: [1, 2, 'all'] },
    })
    const { id, previous_image } = started.body
    expect(started.headers.get('location')).toBe(`/rollouts/${id}`)
    // The tag may refer to another image by now, so the previous image is a digest.
    expect(previous_image).toMatch(/workspace-hermes@sha256:[0-9a-f]{64}$/)
    await h.untilIdle()
    expect(await imagesOf(h, fleet)).toEqual([image('1'), ...Array(4).fill(`${REPOSITORY}:latest`)])

    const second = await until(h, id, ({ tranche }) => tranche === 2)
    expect(second.workspaces.map(({ workspace_id }) => workspace_id)[0]).toBe(first.id)
    // A workspace that is created meanwhile gets the previous image.
    const young = await h.createWorkspace({ name: 'young' })
    expect(await imageOf(h, young.id)).toBe(previous_image)

    const waiting = await until(h, id, ({ counts, tranche }) => tranche === 3 && counts['updating'] === 0)
    expect(waiting).toMatchObject({ state: 'running', counts: { waiting_busy: 1 } })
    expect(await imageOf(h, busy.id)).toBe(`${REPOSITORY}:latest`)
    await heartbeat(0)
    const done = await until(h, id, ended)
    expect(done).toMatchObject({ state: 'completed', reason: null, counts: { failed: 0, deaths: 0 } })
    expect(done.workspaces.map(({ tranche }) => tranche)).toEqual([1, 2, 3, 3, 3])
    expect(await imagesOf(h, [first, busy, young])).toEqual([image('1'), image('1'), image('1')])
    expect(await imageOf(h, pinned.id)).toBe(`${REPOSITORY}:pinned`)
    expect(await runtimeOf(h)).toMatchObject({ image: image('1'), configured_image: `${REPOSITORY}:latest` })

    expect(await statusOf(h, asleep.id)).toBe('hibernated')
    expect(await imageOf(h, asleep.id)).toBe(`${REPOSITORY}:latest`)
    const woken = await h.request(`/workspaces/${asleep.id}/a2a`, { method: 'POST', json: askRegion() })
    expect(woken.status).toBe(200)
    expect(await imageOf(h, asleep.id)).toBe(image('1'))
    expect(await imageOf(h, (await h.createWorkspace()).id)).toBe(image('1'))
  })

  test('concurrent passes restart each workspace once', async () => {
    const others = await Promise.all(
      Array.from({ length: 4 }, (_, at) => h.createWorkspace({ name: `codex ${at}`, runtime: 'codex' })),
    )
    const { body } = await start(h, {
      runtime: 'codex',
      digest: digest('5'),
      tranches: [2],
      watch_seconds: 1,
    })
    await Promise.all(Array.from({ length: 6 }, () => h.sweep({ patienceMs: 2_000 })))
    await h.untilIdle()
    expect((await read(h, body.id)).workspaces).toHaveLength(2)
    for (let sweeps = 0; sweeps < 20 && !ended(await read(h, body.id)); sweeps++) {
      h.advance(5_000)
      await Promise.all([h.sweep({ patienceMs: 2_000 }), h.sweep({ patienceMs: 2_000 })])
      await h.untilIdle()
    }
    expect(await read(h, body.id)).toMatchObject({ state: 'completed' })
    // One restart each: the first launch was generation 1.
    for (const { id } of others) {
      expect((await h.request(`/workspaces/${id}`)).body).toMatchObject({ generation: 2, status: 'ready' })
    }
  })

  test('a rollout waits for messages in flight', async () => {
    const { id } = await h.createWorkspace({ runtime: 'langgraph' })
    const gate = createGate()
    scriptedAgent.answer = async (arrival) => {
      await gate.passed
      return reply(arrival)
    }
    const answer = h.request(`/workspaces/${id}/a2a`, { method: 'POST', json: askRegion() })
    while (scriptedAgent.arrivals.length === 0) await delay(20)
    const { body } = await start(h, { runtime: 'langgraph', digest: digest('1'), watch_seconds: 0 })
    for (let sweeps = 0; sweeps < 3; sweeps++) await h.sweep()
    expect(await read(h, body.id)).toMatchObject({ workspaces: [], counts: { waiting_busy: 1 } })
    gate.open()
    expect((await answer).status).toBe(200)
    await until(h, body.id, ended)
    expect(await imageOf(h, id)).toBe(`ghcr.io/molecule-ai/workspace-langgraph@${digest('1')}`)
  })

  test('a rollout to named workspaces halts after the trial, is resumed, and is halted and rolled back by commands', async () => {
    const fleet = await Promise.all(
      Array.from({ length: 4 }, (_, at) => h.createWorkspace({ name: `crew ${at}`, runtime: 'crewai' })),
    )
    const named = fleet.slice(2).map(({ id }) => id)
    const crew = { runtime: 'crewai', digest: digest('6'), watch_seconds: 1 }
    const { body } = await start(h, { ...crew, workspaces: named })
    const trial = await until(h, body.id, ({ state }) => state === 'halted')
    expect(trial).toMatchObject({ reason: { code: 'trial_over' }, tranche: 1, tranches: [2, 'all'] })
    expect(trial.workspaces.map(({ workspace_id }) => workspace_id).toSorted()).toEqual(named.toSorted())
    expect(await command(h, body.id, 'halt')).toMatchObject({
      status: 409,
      body: { error: 'the rollout is halted and cannot be halted' },
    })
    expect(await command(h, body.id, 'resume')).toMatchObject({
      status: 200,
      body: { state: 'running', tranche: 2 },
    })
    await until(h, body.id, ended)
    expect(await command(h, body.id, 'halt')).toMatchObject({ status: 409 })

    const next = await start(h, { ...crew, digest: digest('7'), tranches: [1], watch_seconds: 3_600 })
    expect(await command(h, next.body.id, 'halt')).toMatchObject({
      status: 200,
      body: { reason: { code: 'halted' } },
    })
    await h.untilIdle()
    const reached = (await read(h, next.body.id)).workspaces.length
    h.advance(4_000_000)
    for (let sweeps = 0; sweeps < 3; sweeps++) await h.sweep()
    expect(await read(h, next.body.id)).toMatchObject({ state: 'halted', tranche: 1 })
    expect((await read(h, next.body.id)).workspaces).toHaveLength(reached)
    expect((await command(h, next.body.id, 'rollback')).status).toBe(200)
    expect(await until(h, next.body.id, ended)).toMatchObject({
      state: 'rolled_back',
      counts: { waiting_idle: 0 },
    })
    const images = await Promise.all(fleet.map(({ id }) => imageOf(h, id)))
    expect(new Set(images)).toEqual(new Set([`ghcr.io/molecule-ai/workspace-crewai@${digest('6')}`]))
  })

  test('a rollout of a tag uses the digest of the first tranche for all others', async () => {
    await Promise.all([1, 2].map(() => h.createWorkspace({ runtime: 'autogen' })))
    const asked = { runtime: 'autogen', image: 'ghcr.io/molecule-ai/workspace-autogen:v2', watch_seconds: 1 }
    const { body } = await start(h, asked)
    expect(body.image).toBe(asked.image)
    const done = await until(h, body.id, ended)
    expect(done).toMatchObject({ state: 'completed' })
    expect(done.image).toMatch(/workspace-autogen@sha256:[0-9a-f]{64}$/)

    // What happens later is not the rollout's.
    const [victim = ''] = done.workspaces.map(({ workspace_id }) => workspace_id)
    const { machine_id } = (await h.request(`/workspaces/${victim}`)).body
    h.emulator.faults.add({ kind: 'out-of-memory', machine: String(machine_id) })
    const registered = async () =>
      (await h.request<{ events: Json[] }>(`/events?workspace_id=${victim}&types=agent_registered`)).body
        .events
    while ((await registered()).length < 3) await delay(20)
    expect((await read(h, body.id)).counts).toEqual(done.counts)
  })

  test.each([
    [{}, 'image'],
    [{ digest: digest('1'), image: image('1') }, 'image'],
    [{ digest: 'latest' }, 'digest'],
    [{ image: 'docker.io/evil/image:1' }, 'image'],
    [{ image: 'ghcr.io/molecule-ai/x y' }, 'image'],
    [{ digest: digest('1'), runtime: 'cobol' }, 'runtime'],
    [{ digest: digest('1'), tranches: ['110%'] }, 'tranches.0'],
    [{ digest: digest('1'), tranches: [0] }, 'tranches.0'],
    [{ digest: digest('1'), tranches: ['0%'] }, 'tranches.0'],
    [{ digest: digest('1'), workspaces: [crypto.randomUUID()] }, 'workspaces'],
    [{ digest: digest('1'), max_failure: 3 }, 'max_failure'],
  ])('an invalid rollout is refused by the name of the field: %j', async (json, field) => {
    const { body, status } = await start(h, json)
    expect(status).toBe(400)
    expect(JSON.stringify(body['errors'])).toContain(field)
  })

  test('a completed rollout can be rolled back, including workspaces that were created later', async () => {
    const { body } = await h.request<{ rollouts: Rollout[] }>('/rollouts?runtime=hermes&limit=1')
    const [{ id, previous_image } = { id: '', previous_image: '' }] = body.rollouts
    expect(await command(h, id, 'rollback')).toMatchObject({ status: 200, body: { state: 'rolling_back' } })
    expect(await start(h, { digest: digest('2') })).toMatchObject({
      status: 409,
      body: { rollout_id: id, detail: expect.stringContaining(id) },
    })
    await until(h, id, ended)
    const { body: list } = await h.request<{ image: string }[]>('/workspaces')
    expect(list.length).toBeGreaterThanOrEqual(8)
    expect(list.map((row) => row.image)).not.toContain(image('1'))
    expect(await runtimeOf(h)).toMatchObject({ image: previous_image, rollout_id: null })
    expect(await command(h, id, 'rollback')).toMatchObject({ status: 409 })
  })
})
