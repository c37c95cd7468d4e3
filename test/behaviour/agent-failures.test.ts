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

/** FAILED_MACHINE_RETENTION_HOURS by default. */
const RETENTION_MS = 72 * 3_600_000

async function settle(): Promise<void> {
  for (let sweeps = 0; sweeps < 4; sweeps++) {
    await h.untilIdle()
    h.advance(5_000)
    await h.sweep({ patienceMs: 1_000 })
  }
}

/** A failed workspace keeps its machine until the stated time, in one of these states, and its reason for ever. */
async function untilRetentionEnds({ id, reason }: Json, states: string[]): Promise<void> {
  await settle()
  const { machine_id, machine_kept_until: until } = await read(id as string)
  const left = Date.parse(until as string) - h.now().getTime()
  expect(left).toBeGreaterThan(RETENTION_MS - 3_600_000)
  expect(left).toBeLessThanOrEqual(RETENTION_MS)
  await expect.poll(() => h.livingMachines()[0]?.state).toBeOneOf(states)
  const { body } = await h.request<{ machines: Json[] }>('/fleet')
  expect(body.machines).toMatchObject([{ kind: 'owned', machine_id, status: 'failed', kept_until: until }])
  // A stopped root filesystem of a gigabyte, by Fly's list of prices.
  expect(body.machines[0]?.['usd_per_month']).toBeLessThanOrEqual(0.15)
  const explained = await h.request(`/workspaces/${String(id)}/explain`)
  expect(explained.body).toMatchObject({
    wanted: { machine: 'stopped', machine_kept_until: until },
    next: { step: 'rest', at: until },
  })
  h.advance(left - 60_000)
  expect(await h.sweep()).toMatchObject({ orphans: 0, reconciled: 0 })
  expect(h.livingMachines()).toHaveLength(1)
  h.advance(60_000)
  await untilGone()
  expect(await read(id as string)).toMatchObject({
    status: 'failed',
    reason,
    machine_id: null,
    machine_kept_until: null,
  })
}

describe('agents that fail', () => {
  test('a workspace whose image cannot be pulled fails and names the image, and its machine is kept for a while', async () => {
    const row = await until(await create({ image: 'docker.io/nobody/nothing:1' }), 'failed')
    expect(row['reason']).toMatchObject({
      code: 'image_unpullable',
      hint: expect.stringContaining('docker.io/nobody/nothing:1'),
    })
    const { body } = await h.request(`/workspaces/${String(row['id'])}/explain`)
    expect(body['summary']).toMatch(/canceling deploy\. Check that/)
    await untilRetentionEnds(row, ['failed', 'stopped'])
  })

  test('a workspace whose agent crashes at boot fails with the exit code, and its machine is kept for a while', async () => {
    const row = await until(await create({ image: 'ghcr.io/molecule-ai/crashing' }), 'failed')
    expect(row['reason']).toMatchObject({ code: 'crashed', message: expect.stringContaining('exit 3') })
    await untilRetentionEnds(row, ['stopped'])
  })

  test('a workspace whose agent neither registers nor listens fails at its deadline, and its machine is stopped and kept for a while', async () => {
    const id = await create({ image: 'ghcr.io/molecule-ai/deaf' })
    await expect.poll(() => h.livingMachines()[0]?.state).toBe('started')
    const row = await until(id, 'failed', 60_000)
    expect(row['reason']).toMatchObject({
      code: 'never_registered',
      hint: expect.stringContaining('fly logs'),
    })
    await untilRetentionEnds(row, ['stopped'])
  })

  test('a workspace whose agent registers but never listens fails for that reason', async () => {
    h.emulator.faults.add({ kind: 'port-closed', app: 'test-app' })
    const id = await create()
    await expect.poll(() => h.livingMachines()[0]?.state).toBe('started')
    const row = await until(id, 'failed', 60_000)
    expect(row['reason']).toMatchObject({
      code: 'never_listened',
      hint: expect.stringContaining('binds 0.0.0.0 and the port of its config.yaml'),
    })
    await untilRetentionEnds(row, ['stopped'])
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

  test('a restart starts a failed workspace again in the machine that was kept', async () => {
    h.emulator.faults.add({ kind: 'boot-crash', times: 4 })
    const id = await create()
    const { machine_id } = await until(id, 'failed')
    await h.request(`/workspaces/${id}/restart`, { method: 'POST' })
    expect(await until(id, 'ready')).toMatchObject({
      generation: 2,
      reason: null,
      machine_id,
      machine_kept_until: null,
    })
    expect(h.livingMachines()).toHaveLength(1)
  })

  test('a restart starts a failed workspace again in a new machine when the time of the first is over', async () => {
    h.emulator.faults.add({ kind: 'boot-crash', times: 4 })
    const id = await create()
    await until(id, 'failed')
    h.advance(RETENTION_MS)
    await untilGone()
    await h.request(`/workspaces/${id}/restart`, { method: 'POST' })
    expect(await until(id, 'ready')).toMatchObject({ generation: 2, reason: null })
    expect(h.livingMachines()).toHaveLength(1)
  })

  test('a machine of a failed workspace that others start is stopped again', async () => {
    const row = await until(await create({ image: 'ghcr.io/molecule-ai/deaf' }), 'failed', 60_000)
    await settle()
    await h.fly('POST', `/${String(row['machine_id'])}/start`)
    await h.fly('GET', `/${String(row['machine_id'])}/wait?state=started`)
    await settle()
    await expect.poll(() => h.livingMachines()).toMatchObject([{ state: 'stopped' }])
  })
})
