// Another image for a fleet, a few workspaces at a time: in order, around those at work, past those asleep; and back again by
// itself when the image is bad. What counts is what the machines at Fly run.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { sampleAgent } from '../../lib/emulator/sample-agent/sample-agent.ts'
import { askRegion, createHarness, type FlyMachine, type Harness, type Json } from '../support/harness.ts'
import { createGate, createScriptedAgent, reply } from '../support/scripted-agent.ts'

const REPOSITORY = 'ghcr.io/molecule-ai/workspace-hermes'
const digest = (digit: string) => `sha256:${digit.repeat(64)}`
const image = (digit: string) => `${REPOSITORY}@${digest(digit)}`
const CRASHING = 'c'
const DEAF = 'd'
const DYING = 'e'

const crash: Program = async () => 3
const deaf: Program = ({ stopping }) =>
  new Promise((resolve) => stopping.addEventListener('abort', () => resolve(0)))

type Rollout = Json & {
  id: string
  state: string
  image: string
  previous_image: string
  tranche: number
  reason: { code: string; message: string } | null
  counts: Record<string, number>
  workspaces: { workspace_id: string; state: string; tranche: number; reason: Json | null }[]
}

const open = (env: Record<string, string> = {}, programs: Record<string, Program> = {}) =>
  createHarness({
    env,
    programs: {
      [image(CRASHING)]: crash,
      [image(DEAF)]: deaf,
      [image(DYING)]: sampleAgent,
      ...programs,
    },
  })

/** In the order in which they are reached: the oldest first. */
const fleetOf = async (h: Harness, size: number) => {
  const made = await Promise.all(
    Array.from({ length: size }, (_, at) => h.createWorkspace({ name: `ws ${at}` })),
  )
  const key = ({ created_at, id }: Json) => `${String(created_at)} ${String(id)}`
  return made.toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
}
const start = (h: Harness, json: Json) =>
  h.request<Rollout>('/rollouts', { method: 'POST', json: { runtime: 'hermes', ...json } })
const tell = (h: Harness, id: string, verb: string) =>
  h.request<Rollout>(`/rollouts/${id}/${verb}`, { method: 'POST' })
const read = async (h: Harness, id: string) => (await h.request<Rollout>(`/rollouts/${id}`)).body
const statusOf = async (h: Harness, id: string) => (await h.request(`/workspaces/${id}`)).body['status']
const imageOf = async (h: Harness, id: string) => (await h.machineOf(id)).config.image
const runs = async (h: Harness, ids: { id: string }[]) => Promise.all(ids.map(({ id }) => imageOf(h, id)))
const runtimeOf = async (h: Harness) => {
  const { body } = await h.request<{ runtimes: (Json & { runtime: string; image: string })[] }>('/rollouts')
  return body.runtimes.find(({ runtime }) => runtime === 'hermes')
}

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms))

/** Sweeps as time goes by, until a rollout is as wanted. */
async function until(h: Harness, id: string, reached: (rollout: Rollout) => boolean, stepMs = 5_000) {
  for (let sweeps = 0; sweeps < 60; sweeps++) {
    await h.untilIdle()
    const rollout = await read(h, id)
    if (reached(rollout)) return rollout
    h.advance(stepMs)
    await h.sweep({ patienceMs: 2_000 })
  }
  throw new Error(`the rollout stays at ${JSON.stringify(await read(h, id))}`)
}
const ended = ({ state }: Rollout) => state === 'completed' || state === 'rolled_back'

describe('a good image', () => {
  let h: Harness
  const puppet = createScriptedAgent()
  beforeAll(async () => {
    h = await open({}, { 'ghcr.io/molecule-ai/workspace-langgraph*': puppet.program })
  })
  afterAll(() => h.close())

  test('reaches a fleet tranche by tranche, one at work later, one asleep when it wakes, one with its own not at all', async () => {
    const fleet = await fleetOf(h, 5)
    const [first, busy, asleep] = fleet as [
      Json & { id: string },
      Json & { id: string },
      Json & { id: string },
    ]
    const own = await h.createWorkspace({ image: `${REPOSITORY}:own` })
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
    // The tag it was made with may mean something else by now: what is gone back to has a digest.
    expect(previous_image).toMatch(/workspace-hermes@sha256:[0-9a-f]{64}$/)
    await h.untilIdle()
    expect(await runs(h, fleet)).toEqual([image('1'), ...Array(4).fill(`${REPOSITORY}:latest`)])

    const second = await until(h, id, ({ tranche }) => tranche === 2)
    expect(second.workspaces.map(({ workspace_id }) => workspace_id)[0]).toBe(first.id)
    // Made meanwhile: the image before, until it has proven itself.
    const young = await h.createWorkspace({ name: 'young' })
    expect(await imageOf(h, young.id)).toBe(previous_image)

    const waiting = await until(h, id, ({ counts, tranche }) => tranche === 3 && counts['updating'] === 0)
    expect(waiting).toMatchObject({ state: 'running', counts: { waiting_busy: 1 } })
    expect(await imageOf(h, busy.id)).toBe(`${REPOSITORY}:latest`)
    await heartbeat(0)
    const done = await until(h, id, ended)
    expect(done).toMatchObject({ state: 'completed', reason: null, counts: { failed: 0, deaths: 0 } })
    expect(done.workspaces.map(({ tranche }) => tranche)).toEqual([1, 2, 3, 3, 3])
    expect(await runs(h, [first, busy, young])).toEqual([image('1'), image('1'), image('1')])
    expect(await imageOf(h, own.id)).toBe(`${REPOSITORY}:own`)
    expect(await runtimeOf(h)).toMatchObject({ image: image('1'), configured_image: `${REPOSITORY}:latest` })

    expect(await statusOf(h, asleep.id)).toBe('hibernated')
    expect(await imageOf(h, asleep.id)).toBe(`${REPOSITORY}:latest`)
    const woken = await h.request(`/workspaces/${asleep.id}/a2a`, { method: 'POST', json: askRegion() })
    expect(woken.status).toBe(200)
    expect(await imageOf(h, asleep.id)).toBe(image('1'))
    expect(await imageOf(h, (await h.createWorkspace()).id)).toBe(image('1'))
  })

  test('is begun once, however many passes there are at once', async () => {
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

  test('cuts nobody off who is waiting for an answer', async () => {
    const { id } = await h.createWorkspace({ runtime: 'langgraph' })
    const gate = createGate()
    puppet.answer = async (arrival) => {
      await gate.passed
      return reply(arrival)
    }
    const answer = h.request(`/workspaces/${id}/a2a`, { method: 'POST', json: askRegion() })
    while (puppet.arrivals.length === 0) await pause(20)
    const { body } = await start(h, { runtime: 'langgraph', digest: digest('1'), watch_seconds: 0 })
    for (let sweeps = 0; sweeps < 3; sweeps++) await h.sweep()
    expect(await read(h, body.id)).toMatchObject({ workspaces: [], counts: { waiting_busy: 1 } })
    gate.open()
    expect((await answer).status).toBe(200)
    await until(h, body.id, ended)
    expect(await imageOf(h, id)).toBe(`ghcr.io/molecule-ai/workspace-langgraph@${digest('1')}`)
  })

  test('is tried by those who are named, waits for a word, and then goes on; a halt stops it', async () => {
    const fleet = await Promise.all(
      Array.from({ length: 4 }, (_, at) => h.createWorkspace({ name: `crew ${at}`, runtime: 'crewai' })),
    )
    const named = fleet.slice(2).map(({ id }) => id)
    const crew = { runtime: 'crewai', digest: digest('6'), watch_seconds: 1 }
    const { body } = await start(h, { ...crew, workspaces: named })
    const trial = await until(h, body.id, ({ state }) => state === 'halted')
    expect(trial).toMatchObject({ reason: { code: 'trial_over' }, tranche: 1, tranches: [2, 'all'] })
    expect(trial.workspaces.map(({ workspace_id }) => workspace_id).toSorted()).toEqual(named.toSorted())
    expect(await tell(h, body.id, 'halt')).toMatchObject({
      status: 409,
      body: { error: 'the rollout is halted and cannot be halted' },
    })
    expect(await tell(h, body.id, 'resume')).toMatchObject({
      status: 200,
      body: { state: 'running', tranche: 2 },
    })
    await until(h, body.id, ended)
    expect(await tell(h, body.id, 'halt')).toMatchObject({ status: 409 })

    const next = await start(h, { ...crew, digest: digest('7'), tranches: [1], watch_seconds: 3_600 })
    expect(await tell(h, next.body.id, 'halt')).toMatchObject({
      status: 200,
      body: { reason: { code: 'halted' } },
    })
    await h.untilIdle()
    const reached = (await read(h, next.body.id)).workspaces.length
    h.advance(4_000_000)
    for (let sweeps = 0; sweeps < 3; sweeps++) await h.sweep()
    expect(await read(h, next.body.id)).toMatchObject({ state: 'halted', tranche: 1 })
    expect((await read(h, next.body.id)).workspaces).toHaveLength(reached)
    expect((await tell(h, next.body.id, 'rollback')).status).toBe(200)
    expect(await until(h, next.body.id, ended)).toMatchObject({ state: 'rolled_back' })
    const images = await Promise.all(fleet.map(({ id }) => imageOf(h, id)))
    expect(new Set(images)).toEqual(new Set([`ghcr.io/molecule-ai/workspace-crewai@${digest('6')}`]))
  })

  test('asked for by a tag is given to the rest by the digest that the first were given', async () => {
    await Promise.all([1, 2].map(() => h.createWorkspace({ runtime: 'autogen' })))
    const asked = { runtime: 'autogen', image: 'ghcr.io/molecule-ai/workspace-autogen:v2', watch_seconds: 1 }
    const { body } = await start(h, asked)
    expect(body.image).toBe(asked.image)
    const done = await until(h, body.id, ended)
    expect(done).toMatchObject({ state: 'completed' })
    expect(done.image).toMatch(/workspace-autogen@sha256:[0-9a-f]{64}$/)
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
    [{ digest: digest('1'), workspaces: [crypto.randomUUID()] }, 'workspaces'],
    [{ digest: digest('1'), max_failure: 3 }, 'max_failure'],
  ])('is refused by the name of the field: %j', async (json, field) => {
    const { body, status } = await start(h, json)
    expect(status).toBe(400)
    expect(JSON.stringify(body['errors'])).toContain(field)
  })

  test('can be rolled back after it was completed, also where a workspace came by it later', async () => {
    const { body } = await h.request<{ rollouts: Rollout[] }>('/rollouts?runtime=hermes&limit=1')
    const [{ id, previous_image } = { id: '', previous_image: '' }] = body.rollouts
    expect(await tell(h, id, 'rollback')).toMatchObject({ status: 200, body: { state: 'rolling_back' } })
    expect(await start(h, { digest: digest('2') })).toMatchObject({
      status: 409,
      body: { rollout_id: id, detail: expect.stringContaining(id) },
    })
    await until(h, id, ended)
    const { body: list } = await h.request<{ image: string }[]>('/workspaces')
    expect(list.length).toBeGreaterThanOrEqual(8)
    expect(list.map((row) => row.image)).not.toContain(image('1'))
    expect(await runtimeOf(h)).toMatchObject({ image: previous_image, rollout_id: null })
    expect(await tell(h, id, 'rollback')).toMatchObject({ status: 409 })
  })
})

describe('what Fly refuses', () => {
  let h: Harness
  beforeAll(async () => {
    h = await open({ PROVISION_TIMEOUT_SECONDS: '60' })
  })
  afterAll(() => h.close())

  test.each([
    ['at once', 403, 'unauthorized'],
    ['until its time is up', 503, 'provider_unreachable'],
  ])('%s is no fault of the image: the rollout goes on without that workspace', async (_, status, code) => {
    const fleet = await fleetOf(h, 2)
    const fault = h.emulator.faults.add({
      kind: 'answer',
      action: 'machine.update',
      machine: String(fleet[0]?.['machine_id']),
      status,
    })
    const digit = String(status)[0] ?? ''
    const { body } = await start(h, { digest: digest(digit), watch_seconds: 10, ready_seconds: 600 })
    const done = await until(h, body.id, ended)
    expect(done).toMatchObject({ state: 'completed', reason: null })
    expect(done.workspaces.find(({ workspace_id }) => workspace_id === fleet[0]?.id)).toMatchObject({
      state: 'left',
      reason: { code },
    })
    expect(await statusOf(h, fleet[0]?.id ?? '')).toBe('failed')
    expect(await imageOf(h, fleet[1]?.id ?? '')).toBe(image(digit))
    h.emulator.faults.remove(fault)
  })
})

describe('a bad image', () => {
  let h: Harness
  let fleet: { id: string }[]
  beforeAll(async () => {
    h = await open({ PROVISION_TIMEOUT_SECONDS: '120' })
    fleet = await fleetOf(h, 4)
  })
  afterAll(() => h.close())

  test.each([
    ['crashes', CRASHING, /exit 3/],
    ['never answers', DEAF, /neither registered nor answered|within/],
    ['cannot be pulled', 'f', /pull|image/],
  ])(
    'that %s is halted at the first tranche and rolled back, and nobody else gets it',
    async (_, digit, why) => {
      const before = await runs(h, fleet)
      const generations = async () => {
        const all = await Promise.all(fleet.map(({ id }) => h.request(`/workspaces/${id}`)))
        return all.map(({ body }) => body['generation'])
      }
      const untouched = (await generations()).slice(1)
      const asked =
        digit === 'f' ? { image: `registry.fly.io/nobody/none@${digest('f')}` } : { digest: digest(digit) }
      const { body, status } = await start(h, { ...asked, watch_seconds: 10 })
      expect(status).toBe(201)
      // Whoever follows a restart stays with it for 25 s, unless time runs.
      while ((await read(h, body.id)).workspaces.length === 0) await pause(20)
      if (digit === DEAF) {
        const isUp = ({ config, state }: FlyMachine) => config.image === image(DEAF) && state === 'started'
        while (!isUp(await h.machineOf(fleet[0]?.id ?? ''))) await pause(20)
        // And whoever follows the restart has seen it.
        await pause(300)
        h.advance(130_000)
      }
      const done = await until(h, body.id, ended, 20_000)
      expect(done).toMatchObject({ state: 'rolled_back', tranche: 1, reason: { code: 'not_ready' } })
      expect(done.reason?.message).toMatch(why)
      expect(done.workspaces).toMatchObject([{ workspace_id: fleet[0]?.id, state: 'restored' }])
      expect((await generations()).slice(1)).toEqual(untouched)
      expect((await runs(h, fleet)).slice(1)).toEqual(before.slice(1))
      expect(await imageOf(h, fleet[0]?.id ?? '')).toBe(body.previous_image)
      expect(await statusOf(h, fleet[0]?.id ?? '')).toBe('ready')
      expect(await runtimeOf(h)).toMatchObject({ image: body.previous_image })
    },
  )

  test('that dies while it is watched is rolled back, where the one before did not', async () => {
    const { body } = await start(h, { digest: digest(DYING), watch_seconds: 60 })
    const { workspaces } = await until(h, body.id, ({ watching_since }) => watching_since !== null, 1_000)
    const victim = workspaces[0]?.workspace_id ?? ''
    const { machine_id } = (await h.request(`/workspaces/${victim}`)).body
    h.emulator.faults.add({ kind: 'out-of-memory', machine: String(machine_id) })
    // Fly starts it again, so it is back before anybody looks; its agent registers a second time.
    while ((await read(h, body.id)).counts['deaths'] === 0) await pause(20)
    const done = await until(h, body.id, ended)
    expect(done).toMatchObject({ state: 'rolled_back', reason: { code: 'deaths' } })
    expect(await imageOf(h, victim)).toBe(body.previous_image)
  })
})
