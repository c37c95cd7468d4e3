// What Fly does to people: lost answers, no room, crashes, silence. Each must end in exactly one machine or none, and in a
// status that says why.
import { isNotNull } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { workspaces } from '../../drizzle/schema/index.ts'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

const crashing: Program = async () => 3
const deaf: Program = async (machine) =>
  new Promise((resolve) => machine.stopping.addEventListener('abort', () => resolve(0)))

let h: Harness
beforeEach(async () => {
  h = await createHarness({
    programs: { 'ghcr.io/molecule-ai/crashing': crashing, 'ghcr.io/molecule-ai/deaf': deaf },
    env: { ALLOWED_IMAGE_REGISTRIES: 'ghcr.io/molecule-ai,docker.io' },
  })
})
afterEach(() => h.close())

async function create(input: Json = {}): Promise<string> {
  const { status, body } = await h.request<{ id: string }>('/workspaces', {
    method: 'POST',
    json: { name: 'x', runtime: 'langgraph', tier: 2, ...input },
  })
  expect(status).toBe(201)
  return body.id
}

const read = async (id: string) => (await h.request(`/workspaces/${id}`)).body

/** Lets time pass, a sweep at a time, until the workspace is where it should be. */
async function until(id: string, status: string, stepMs = 5_000): Promise<Json> {
  for (let sweeps = 0; sweeps < 60; sweeps++) {
    // What a request left running may follow its workspace for long; the clock that moves below ends its patience.
    await Promise.race([h.untilIdle(), new Promise((done) => setTimeout(done, 100))])
    const row = await read(id)
    if (row['status'] === status) return row
    h.advance(stepMs)
    await h.sweep({ patienceMs: 1_000 })
  }
  throw new Error(`still ${JSON.stringify(await read(id))}`)
}

/** Lets time pass until Fly has no machine left and nobody is still looking for one. */
async function untilGone(): Promise<void> {
  for (let sweeps = 0; sweeps < 60; sweeps++) {
    h.advance(5_000)
    await h.sweep({ patienceMs: 1_000 })
    const due = await h.db.select().from(workspaces).where(isNotNull(workspaces.nextCheckAt))
    if (h.livingMachines().length === 0 && due.length === 0) break
  }
  await h.untilIdle()
  expect(h.livingMachines()).toEqual([])
}

describe('a create', () => {
  test('whose answer is lost is found and adopted', async () => {
    h.emulator.faults.add({ kind: 'lose-reply', action: 'machine.create', times: 1 })
    const id = await create()
    await until(id, 'ready')
    expect(h.emulator.machines()).toHaveLength(1)
  })

  test.each([408, 500, 503, 504])(
    'that is done and answered with %i is found and adopted',
    async (status) => {
      h.emulator.faults.add({ kind: 'ambiguous', action: 'machine.create', status, times: 1 })
      const id = await create()
      await until(id, 'ready')
      expect(h.emulator.machines()).toHaveLength(1)
    },
  )

  test('whose answer is lost while lists lag behind is adopted by its name', async () => {
    h.emulator.faults.add({ kind: 'lose-reply', action: 'machine.create', times: 1 })
    h.emulator.faults.add({ kind: 'stale-list', ms: 60_000 })
    const id = await create()
    await until(id, 'ready')
    expect(h.emulator.machines()).toHaveLength(1)
  })

  test('whose answer is lost leaves nothing behind when the workspace is removed meanwhile', async () => {
    h.emulator.faults.add({ kind: 'lose-reply', action: 'machine.create', times: 1 })
    h.emulator.faults.add({ kind: 'stale-list', ms: 20_000 })
    const id = await create()
    while (h.emulator.machines().length === 0) await new Promise((done) => setTimeout(done, 5))
    await h.request(`/workspaces/${id}`, { method: 'DELETE' })
    await untilGone()
    for (let sweeps = 0; sweeps < 30; sweeps++) {
      h.advance(5_000)
      await h.sweep()
    }
    expect(h.emulator.machines()).toHaveLength(1)
    expect(await read(id)).toMatchObject({ status: 'removed', machine_id: null })
  })

  test('that Fly has no room for is tried again, and says so meanwhile', async () => {
    h.emulator.faults.add({ kind: 'capacity', region: 'ord', times: 2 })
    const id = await create()
    expect(await read(id)).toMatchObject({ status: 'provisioning' })
    for (let sweeps = 0; sweeps < 20 && (await read(id))['reason'] === null; sweeps++)
      await new Promise((done) => setTimeout(done, 20))
    expect((await read(id))['reason']).toMatchObject({
      code: 'no_capacity',
      hint: expect.stringMatching(/region/),
    })
    expect(await until(id, 'ready')).toMatchObject({ reason: null })
    expect(h.emulator.machines()).toHaveLength(1)
  })

  test("over the organization's quota fails at once with the cause and Fly's request id", async () => {
    h.emulator.faults.add({ kind: 'capacity', as: 'quota' })
    const row = await until(await create(), 'failed')
    expect(row['reason']).toMatchObject({ code: 'quota', fly_request_id: expect.any(String) })
    expect(h.emulator.machines()).toEqual([])
  })

  test('with a token that Fly refuses fails and names the setting', async () => {
    h.emulator.faults.add({
      kind: 'answer',
      action: 'machine.create',
      status: 401,
      body: 'Authenticate: token validation error',
    })
    const row = await until(await create(), 'failed')
    expect(row['reason']).toMatchObject({
      code: 'unauthorized',
      message: expect.stringContaining('FLY_API_TOKEN'),
    })
  })

  test('while Fly is down waits, and goes on when it is back', async () => {
    const down = h.emulator.faults.add({ kind: 'answer', status: 503 })
    const id = await create()
    await Promise.race([h.untilIdle(), new Promise((done) => setTimeout(done, 300))])
    expect(await read(id)).toMatchObject({ status: 'provisioning' })
    h.emulator.faults.remove(down)
    await until(id, 'ready')
    expect(h.emulator.machines()).toHaveLength(1)
  })
})

describe('an agent', () => {
  test('whose image cannot be pulled fails the workspace, names the image and leaves no machine', async () => {
    const row = await until(await create({ image: 'docker.io/nobody/nothing:1' }), 'failed')
    expect(row['reason']).toMatchObject({
      code: 'image_unpullable',
      hint: expect.stringContaining('docker.io/nobody/nothing:1'),
    })
    await untilGone()
  })

  test('that crashes at boot fails the workspace with its exit code and leaves no machine', async () => {
    const row = await until(await create({ image: 'ghcr.io/molecule-ai/crashing' }), 'failed')
    expect(row['reason']).toMatchObject({ code: 'crashed', message: expect.stringContaining('exit 3') })
    await untilGone()
    expect(await read(row['id'] as string)).toMatchObject({
      status: 'failed',
      reason: { code: 'crashed' },
      machine_id: null,
    })
  })

  test('that neither registers nor listens fails the workspace at its deadline and leaves no machine', async () => {
    const id = await create({ image: 'ghcr.io/molecule-ai/deaf' })
    const row = await until(id, 'failed', 60_000)
    expect(row['reason']).toMatchObject({
      code: 'never_registered',
      hint: expect.stringContaining('fly logs'),
    })
    await untilGone()
  })

  test('that registers and never listens fails the workspace for that reason', async () => {
    h.emulator.faults.add({ kind: 'deaf', app: 'test-app' })
    const row = await until(await create(), 'failed', 60_000)
    expect(row['reason']).toMatchObject({
      code: 'never_listened',
      hint: expect.stringContaining('0.0.0.0:8000'),
    })
    await untilGone()
  })

  test('that runs out of memory again and again goes offline for that reason, and is started again', async () => {
    const { id, machine_id } = await h.createWorkspace()
    // Fly restarts a crashed guest three times by itself.
    for (let state: string | undefined; state !== 'stopped'; state = h.livingMachines()[0]?.state) {
      if (state === 'started') h.emulator.faults.add({ kind: 'out-of-memory', machine: String(machine_id) })
      await new Promise((done) => setTimeout(done, 20))
    }
    for (const fault of h.emulator.faults.list()) h.emulator.faults.remove(fault.id)
    await h.sweep({ patienceMs: 1_000 })
    expect(await until(id, 'ready')).toMatchObject({ machine_id })
    const { body } = await h.request<{ recent_events: { type: string; payload: Json }[] }>(
      `/workspaces/${id}/explain`,
    )
    expect(body.recent_events.find(({ type }) => type === 'machine_stopped')?.payload).toMatchObject({
      reason: { code: 'out_of_memory', hint: expect.stringContaining('tier') },
    })
  })

  test('of a failed workspace gets another chance by a restart', async () => {
    h.emulator.faults.add({ kind: 'boot-crash', times: 4 })
    const id = await create()
    await until(id, 'failed')
    await h.request(`/workspaces/${id}/restart`, { method: 'POST' })
    expect(await until(id, 'ready')).toMatchObject({ generation: 2, reason: null })
    expect(h.livingMachines()).toHaveLength(1)
  })
})

describe('behind our back', () => {
  test('a machine that was stopped by hand is started again', async () => {
    const { id, machine_id } = await h.createWorkspace()
    await h.untilIdle()
    await h.fly('POST', `/${String(machine_id)}/stop`, {})
    await h.fly('GET', `/${String(machine_id)}/wait?state=stopped`)
    const summary = await h.sweep({ patienceMs: 0 })
    expect(summary.drifted).toBe(1)
    expect(await until(id, 'ready')).toMatchObject({ machine_id, machine_state: 'started' })
  })

  test('a machine that was destroyed by hand is replaced by one new machine', async () => {
    const { id, machine_id } = await h.createWorkspace()
    await h.fly('DELETE', `/${String(machine_id)}?force=true`)
    await h.fly('GET', `/${String(machine_id)}/wait?state=destroyed`)
    await h.sweep()
    const row = await until(id, 'ready')
    expect(row['machine_id']).not.toBe(machine_id)
    expect(row['generation']).toBe(2)
    expect(h.livingMachines()).toHaveLength(1)
  })

  test('a host that does not answer changes nothing', async () => {
    const { id, machine_id } = await h.createWorkspace()
    h.emulator.faults.add({ kind: 'host-unreachable', machine: String(machine_id) })
    for (let sweeps = 0; sweeps < 5; sweeps++) {
      h.advance(30_000)
      await h.sweep()
    }
    expect(await read(id)).toMatchObject({ status: 'ready', machine_id })
    expect(h.livingMachines()).toHaveLength(1)
  })

  test('a Fly that answers nothing but errors changes nothing', async () => {
    const { id, machine_id } = await h.createWorkspace()
    h.emulator.faults.add({ kind: 'answer', status: 404, body: 'app not found' })
    h.advance(60_000)
    await h.sweep({ patienceMs: 0 })
    expect(await read(id)).toMatchObject({ status: 'ready', machine_id })
  })

  test("a stranger's machine of the same name is neither adopted nor touched", async () => {
    const id = await create({ image: 'ghcr.io/molecule-ai/deaf' })
    while (h.livingMachines().length === 0) await new Promise((done) => setTimeout(done, 10))
    const machine = await h.machineOf(id)
    await h.fly('DELETE', `/${machine.id}?force=true`)
    await h.fly('GET', `/${machine.id}/wait?state=destroyed`)
    await h.fly('POST', '', {
      name: `ws-${id}`,
      region: 'ord',
      config: { image: 'ghcr.io/molecule-ai/deaf' },
    })
    const row = await until(id, 'failed')
    expect(row['reason']).toMatchObject({ code: 'name_taken' })
    for (let sweeps = 0; sweeps < 20; sweeps++) {
      h.advance(10_000)
      await h.sweep()
    }
    expect(h.livingMachines()).toHaveLength(1)
  })
})

describe('at the same time', () => {
  test('many sweeps and requests on one workspace make one machine', async () => {
    const id = await create()
    await Promise.all(Array.from({ length: 8 }, () => h.sweep({ patienceMs: 2_000 })))
    await until(id, 'ready')
    expect(h.emulator.machines()).toHaveLength(1)
  })

  test('a process that died with the lease in hand delays a workspace, and does not block it', async () => {
    h.emulator.faults.add({ kind: 'answer', action: 'machine.create', status: 503, times: 1 })
    const id = await create()
    h.advance(120_000)
    await until(id, 'ready')
    expect(h.emulator.machines()).toHaveLength(1)
  })

  test('removing during provisioning leaves no machine', async () => {
    const ids = await Promise.all(Array.from({ length: 6 }, () => create()))
    await Promise.all(
      ids.map((id, index) =>
        new Promise((done) => setTimeout(done, index * 8)).then(() =>
          h.request(`/workspaces/${id}`, { method: 'DELETE' }),
        ),
      ),
    )
    await h.untilIdle()
    await untilGone()
  })

  test('restarts that overlap end in one machine of the newest generation', async () => {
    const { id } = await h.createWorkspace()
    await Promise.all(
      Array.from({ length: 5 }, () => h.request(`/workspaces/${id}/restart`, { method: 'POST' })),
    )
    const row = await until(id, 'ready')
    expect(row['generation']).toBe(6)
    expect((await h.machineOf(id)).config.metadata['generation']).toBe('6')
  })
})
