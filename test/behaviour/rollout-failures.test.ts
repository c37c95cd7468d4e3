// Rollouts that fail: an image that does not work is rolled back, and an error of Fly is not counted against the image.
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type FlyMachine, type Harness } from '../support/harness.ts'
import {
  digest,
  image,
  command,
  CRASHING,
  DEAF,
  DYING,
  openRolloutHarness,
  fleetOf,
  start,
  read,
  statusOf,
  imageOf,
  imagesOf,
  runtimeOf,
  until,
  ended,
} from '../support/rollouts.ts'

describe('restarts that Fly refuses', () => {
  let h: Harness
  beforeAll(async () => {
    h = await openRolloutHarness({ PROVISION_TIMEOUT_SECONDS: '60' })
  })
  afterAll(() => h.close())

  test.each([
    ['that Fly returns at once', 403, 'forbidden'],
    ['that Fly returns until the deadline', 503, 'provider_unreachable'],
  ])(
    'an error %s is not counted against the image, and the rollout continues without that workspace',
    async (_, status, code) => {
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
    },
  )

  test('a workspace that Fly keeps from being ready in time is left out, and the image is not to blame', async () => {
    const fleet = await fleetOf(h, 2)
    const fault = h.emulator.faults.add({
      kind: 'answer',
      action: 'machine.update',
      machine: String(fleet[0]?.['machine_id']),
      status: 503,
    })
    const { body } = await start(h, { digest: digest('7'), watch_seconds: 0, ready_seconds: 10 })
    const done = await until(h, body.id, ended)
    expect(done).toMatchObject({ state: 'completed', reason: null })
    expect(done.workspaces.find(({ workspace_id }) => workspace_id === fleet[0]?.id)).toMatchObject({
      state: 'left',
      reason: { code: 'provider_unreachable' },
    })
    h.emulator.faults.remove(fault)
  })

  test('a host that stops answering while the image is watched neither blames it nor holds the rollout', async () => {
    const fleet = await fleetOf(h, 2)
    const { body } = await start(h, { digest: digest('9'), tranches: [1], watch_seconds: 180 })
    const { workspaces } = await until(h, body.id, ({ watching_since }) => watching_since !== null, 1_000)
    const lost = workspaces[0]?.workspace_id ?? ''
    const { machine_id } = (await h.request(`/workspaces/${lost}`)).body
    const fault = h.emulator.faults.add({ kind: 'host-unreachable', machine: String(machine_id) })
    expect(await until(h, body.id, ended, 20_000)).toMatchObject({ state: 'completed', reason: null })
    const other = fleet.find(({ id }) => id !== lost)?.id ?? ''
    expect(await imageOf(h, other)).toBe(image('9'))
    h.emulator.faults.remove(fault)
  })

  test('a rollback does not wait for ever for a workspace whose host does not answer', async () => {
    const [lost] = await fleetOf(h, 1)
    const { body } = await start(h, {
      digest: digest('8'),
      workspaces: [lost?.id],
      watch_seconds: 0,
      ready_seconds: 60,
    })
    await until(h, body.id, ({ state }) => state === 'halted')
    const { machine_id } = (await h.request(`/workspaces/${lost?.id}`)).body
    const fault = h.emulator.faults.add({ kind: 'host-unreachable', machine: String(machine_id) })
    await command(h, body.id, 'rollback')
    const done = await until(h, body.id, ended, 10_000)
    expect(done).toMatchObject({ state: 'rolled_back', workspaces: [{ state: 'left' }] })
    expect(['provisioning', 'offline']).toContain(await statusOf(h, lost?.id ?? ''))
    h.emulator.faults.remove(fault)
  })
})

test('the time that a workspace takes to end its work is not counted against the image', async () => {
  const h = await openRolloutHarness({ PROVISION_TIMEOUT_SECONDS: '60', DRAIN_SECONDS: '3600' })
  try {
    const [{ id } = { id: '' }] = await fleetOf(h, 1)
    const beat = async (active_tasks: number) =>
      h.request('/registry/heartbeat', {
        method: 'POST',
        json: { workspace_id: id, active_tasks },
        headers: { authorization: `Bearer ${await h.tokenOf(id)}` },
      })
    await beat(1)
    const { body } = await start(h, {
      digest: digest('1'),
      watch_seconds: 0,
      busy_seconds: 0,
      when_busy: 'restart',
    })
    await until(h, body.id, ({ counts }) => counts['updating'] === 1)
    for (let minutes = 0; minutes < 5; minutes++) {
      await beat(1)
      h.advance(60_000)
      await h.sweep()
    }
    expect(await read(h, body.id)).toMatchObject({ state: 'running', counts: { updating: 1 } })
    await beat(0)
    expect(await until(h, body.id, ended)).toMatchObject({ state: 'completed', counts: { failed: 0 } })
  } finally {
    await h.close()
  }
})

describe('images that fail', () => {
  let h: Harness
  let fleet: { id: string }[]
  beforeAll(async () => {
    h = await openRolloutHarness({ PROVISION_TIMEOUT_SECONDS: '120' })
    fleet = await fleetOf(h, 4)
  })
  afterAll(() => h.close())

  test.each([
    ['crashes', CRASHING, /exit 3/],
    ['never answers', DEAF, /neither registered nor answered|within/],
    ['cannot be pulled', 'f', /pull|image/],
  ])(
    'an image that %s is halted at the first tranche and rolled back, and no other workspace gets it',
    async (_, digit, why) => {
      const before = await imagesOf(h, fleet)
      const generations = async () => {
        const all = await Promise.all(fleet.map(({ id }) => h.request(`/workspaces/${id}`)))
        return all.map(({ body }) => body['generation'])
      }
      const untouched = (await generations()).slice(1)
      const asked =
        digit === 'f' ? { image: `registry.fly.io/nobody/none@${digest('f')}` } : { digest: digest(digit) }
      const { body, status } = await start(h, { ...asked, watch_seconds: 10 })
      expect(status).toBe(201)
      // The work that follows a restart continues for 25 s unless the clock moves.
      while ((await read(h, body.id)).workspaces.length === 0) await delay(20)
      if (digit === DEAF) {
        const isUp = ({ config, state }: FlyMachine) => config.image === image(DEAF) && state === 'started'
        while (!isUp(await h.machineOf(fleet[0]?.id ?? ''))) await delay(20)
        // The work that follows the restart has observed it too.
        await delay(300)
        h.advance(130_000)
      }
      const done = await until(h, body.id, ended, 20_000)
      expect(done).toMatchObject({ state: 'rolled_back', tranche: 1, reason: { code: 'not_ready' } })
      expect(done.reason?.message).toMatch(why)
      expect(done.workspaces).toMatchObject([{ workspace_id: fleet[0]?.id, state: 'restored' }])
      expect((await generations()).slice(1)).toEqual(untouched)
      expect((await imagesOf(h, fleet)).slice(1)).toEqual(before.slice(1))
      expect(await imageOf(h, fleet[0]?.id ?? '')).toBe(body.previous_image)
      expect(await statusOf(h, fleet[0]?.id ?? '')).toBe('ready')
      expect(await runtimeOf(h)).toMatchObject({ image: body.previous_image })
    },
  )

  test('an agent that repeats its registration, because the answer was late, is no failure of the image', async () => {
    const { body } = await start(h, { digest: digest('8'), watch_seconds: 60 })
    const { workspaces } = await until(h, body.id, ({ watching_since }) => watching_since !== null, 1_000)
    const id = workspaces[0]?.workspace_id ?? ''
    const { status } = await h.request('/registry/register', {
      method: 'POST',
      headers: { authorization: `Bearer ${await h.tokenOf(id)}` },
      json: { id, agent_card: { name: 'again' } },
    })
    expect(status).toBe(200)
    expect((await read(h, body.id)).counts).toMatchObject({ deaths: 0 })
    await command(h, body.id, 'rollback')
    await until(h, body.id, ended)
  })

  test('an image that crashes while it is watched is rolled back', async () => {
    const { body } = await start(h, { digest: digest(DYING), watch_seconds: 60 })
    const { workspaces } = await until(h, body.id, ({ watching_since }) => watching_since !== null, 1_000)
    const victim = workspaces[0]?.workspace_id ?? ''
    const { machine_id } = (await h.request(`/workspaces/${victim}`)).body
    h.advance(20_000)
    h.emulator.faults.add({ kind: 'out-of-memory', machine: String(machine_id) })
    // Fly restarts it before a sweep observes that it stopped; its agent registers a second time.
    while ((await read(h, body.id)).counts['deaths'] === 0) await delay(20)
    const done = await until(h, body.id, ended)
    expect(done).toMatchObject({ state: 'rolled_back', reason: { code: 'deaths' } })
    expect(await imageOf(h, victim)).toBe(body.previous_image)
  })
})
