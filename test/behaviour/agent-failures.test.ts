// Failures of agents: images that cannot be pulled, crashes, silence. Each ends in a status that gives the reason.
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Program } from '../../lib/emulator/guests/host.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'
import { workspaceSteps } from '../support/workspace-steps.ts'

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

const { create, read, until, untilGone } = workspaceSteps(() => h)

describe('agents that fail', () => {
  test('a workspace whose image cannot be pulled fails, names the image and leaves no machine', async () => {
    const row = await until(await create({ image: 'docker.io/nobody/nothing:1' }), 'failed')
    expect(row['reason']).toMatchObject({
      code: 'image_unpullable',
      hint: expect.stringContaining('docker.io/nobody/nothing:1'),
    })
    await untilGone()
  })

  test('a workspace whose agent crashes at boot fails with the exit code and leaves no machine', async () => {
    const row = await until(await create({ image: 'ghcr.io/molecule-ai/crashing' }), 'failed')
    expect(row['reason']).toMatchObject({ code: 'crashed', message: expect.stringContaining('exit 3') })
    await untilGone()
    expect(await read(row['id'] as string)).toMatchObject({
      status: 'failed',
      reason: { code: 'crashed' },
      machine_id: null,
    })
  })

  test('a workspace whose agent neither registers nor listens fails at its deadline and leaves no machine', async () => {
    const id = await create({ image: 'ghcr.io/molecule-ai/deaf' })
    await expect.poll(() => h.livingMachines()[0]?.state, { timeout: 10_000 }).toBe('started')
    const row = await until(id, 'failed', 60_000)
    expect(row['reason']).toMatchObject({
      code: 'never_registered',
      hint: expect.stringContaining('fly logs'),
    })
    await untilGone()
  })

  test('a workspace whose agent registers but never listens fails for that reason', async () => {
    h.emulator.faults.add({ kind: 'port-closed', app: 'test-app' })
    const id = await create()
    await expect.poll(() => h.livingMachines()[0]?.state, { timeout: 10_000 }).toBe('started')
    const row = await until(id, 'failed', 60_000)
    expect(row['reason']).toMatchObject({
      code: 'never_listened',
      hint: expect.stringContaining('0.0.0.0:8000'),
    })
    await untilGone()
  })

  test('a workspace whose agent runs out of memory repeatedly goes offline for that reason and is started again', async () => {
    const { id, machine_id } = await h.createWorkspace()
    // Fly restarts a crashed guest three times by itself.
    for (let state: string | undefined; state !== 'stopped'; state = h.livingMachines()[0]?.state) {
      if (state === 'started') h.emulator.faults.add({ kind: 'out-of-memory', machine: String(machine_id) })
      await delay(20)
    }
    for (const fault of h.emulator.faults.list()) h.emulator.faults.remove(fault.id)
    await h.sweep({ patienceMs: 300 })
    expect(await until(id, 'ready')).toMatchObject({ machine_id })
    const { body } = await h.request<{ recent_events: { type: string; payload: Json }[] }>(
      `/workspaces/${id}/explain`,
    )
    expect(body.recent_events.find(({ type }) => type === 'machine_stopped')?.payload).toMatchObject({
      reason: { code: 'out_of_memory', hint: expect.stringContaining('tier') },
    })
  })

  test('a restart starts a failed workspace again', async () => {
    h.emulator.faults.add({ kind: 'boot-crash', times: 4 })
    const id = await create()
    await until(id, 'failed')
    await h.request(`/workspaces/${id}/restart`, { method: 'POST' })
    expect(await until(id, 'ready')).toMatchObject({ generation: 2, reason: null })
    expect(h.livingMachines()).toHaveLength(1)
  })
})
