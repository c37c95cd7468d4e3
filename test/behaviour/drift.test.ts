// Changes at Fly that this control plane did not make, found by Fly's own clients: `fly machine cordon`, `fly machine update`,
// a stop or suspend from outside, and the 5-minute stops of trial accounts (superfly/docs "Fly.io free trial";
// NousResearch/hermes-agent#84295 for agents that suspend themselves).
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { askRegion, createHarness, type Harness, type Json } from '../support/harness.ts'
import { workspaceSteps } from '../support/workspace-steps.ts'

let h: Harness
beforeEach(async () => {
  h = await createHarness()
})
afterEach(() => h.close())

const { read } = workspaceSteps(() => h)

const explain = async (id: string) => (await h.request(`/workspaces/${id}/explain`)).body
const fleetEntry = async (machineId: unknown) => {
  const { body } = await h.request<{ machines: Json[] }>('/fleet')
  return body.machines.find((machine) => machine['machine_id'] === machineId)
}
const driftEvents = async (id: string) => {
  const { body } = await h.request<{ events: { type: string; payload: Json }[] }>(
    `/events?workspace_id=${id}&types=machine_drifted&limit=100`,
  )
  return body.events.map(({ payload }) => payload['drift'])
}

async function sweepLater(ms = 61_000): Promise<void> {
  h.advance(ms)
  await h.sweep({ patienceMs: 1_000 })
}

async function stopOutside(machineId: unknown, verb: string): Promise<void> {
  await h.fly('POST', `/${String(machineId)}/${verb}`)
  const state = verb === 'stop' ? 'stopped' : 'suspended'
  await h.fly('GET', `/${String(machineId)}/wait?state=${state}&timeout=5`)
}
const eventsOf = async (id: string) => {
  const { body } = await h.request<{ events: { type: string }[] }>(`/events?workspace_id=${id}&limit=500`)
  return body.events.map(({ type }) => type)
}

/** `fly machine update` reads the config, changes it, and sends all of it. */
async function updateOutside(machineId: unknown, change: (config: Json) => Json): Promise<void> {
  const { config } = await h.fly<{ config: Json }>('GET', `/${String(machineId)}`)
  await h.fly('POST', `/${String(machineId)}`, { config: change(config) })
  await h.fly('GET', `/${String(machineId)}/wait?state=started&timeout=5`)
}

describe('a machine changed outside of the control plane', () => {
  test('more memory is reported as drift of size and configuration, by the API, explain, the fleet and an event', async () => {
    const { id, machine_id } = await h.createWorkspace()
    await updateOutside(machine_id, (config) => ({
      ...config,
      guest: { cpu_kind: 'shared', cpus: 1, memory_mb: 1024 },
    }))
    await sweepLater()
    const size = { field: 'size', wanted: '1 CPUs, 512 MB', actual: '1 CPUs, 1024 MB' }
    const row = await read(id)
    expect(row['status']).toBe('ready')
    expect(row['drift']).toEqual([size, expect.objectContaining({ field: 'configuration' })])
    expect(await explain(id)).toMatchObject({
      machine: { drift: row['drift'] },
      next: { step: 'rest', sentence: expect.stringContaining('restart') },
    })
    expect(await fleetEntry(machine_id)).toMatchObject({ kind: 'drifted', drift: row['drift'] })
    expect(await driftEvents(id)).toEqual([row['drift']])
  })

  test('a variable is reported once, and a restart of the workspace undoes it', async () => {
    const { id, machine_id } = await h.createWorkspace()
    await updateOutside(machine_id, (config) => ({
      ...config,
      env: { ...(config['env'] as Json), DEBUG: '1' },
    }))
    await sweepLater()
    await sweepLater()
    expect(await driftEvents(id)).toHaveLength(1)
    await h.request(`/workspaces/${id}/restart`, { method: 'POST', headers: { prefer: 'wait=20' } })
    await h.untilIdle()
    await sweepLater()
    expect(await read(id)).toMatchObject({ status: 'ready', drift: [] })
    const { config } = await h.machineOf(id)
    expect(config.env).not.toHaveProperty('DEBUG')
  })

  test('another image is reported as drift with both digests', async () => {
    const { id, machine_id } = await h.createWorkspace()
    await updateOutside(machine_id, (config) => ({
      ...config,
      image: 'ghcr.io/molecule-ai/workspace-codex:latest',
    }))
    await sweepLater()
    const { drift } = (await read(id)) as { drift: Json[] }
    expect(drift.find(({ field }) => field === 'image')).toMatchObject({
      wanted: expect.stringContaining('workspace-hermes@sha256:'),
      actual: expect.stringContaining('workspace-codex@sha256:'),
    })
  })

  test('a cordoned machine makes its workspace offline until the cordon ends', async () => {
    const { id, machine_id } = await h.createWorkspace()
    await h.fly('POST', `/${String(machine_id)}/cordon`)
    await sweepLater()
    expect(await read(id)).toMatchObject({
      status: 'offline',
      reason: {
        code: 'cordoned',
        hint: `Restart the workspace, or undo it with \`fly machine uncordon ${String(machine_id)} -a test-app\`.`,
      },
      drift: [{ field: 'cordon' }],
    })
    for (let sweeps = 0; sweeps < 10; sweeps++) await sweepLater(3_600_000)
    expect(await read(id)).toMatchObject({ status: 'offline', machine_id })
    await h.fly('POST', `/${String(machine_id)}/uncordon`)
    await sweepLater()
    expect(await read(id)).toMatchObject({ status: 'ready', machine_id, reason: null, drift: [] })
  })

  test('a restart ends a cordon', async () => {
    const { id, machine_id } = await h.createWorkspace()
    await h.fly('POST', `/${String(machine_id)}/cordon`)
    await sweepLater()
    await h.request(`/workspaces/${id}/restart`, { method: 'POST', headers: { prefer: 'wait=20' } })
    await h.untilIdle()
    await sweepLater()
    expect(await read(id)).toMatchObject({ status: 'ready', drift: [] })
  })

  test.each(['stop', 'suspend'])(
    'a machine that others %s again and again is started again by the policy restart, and then left stopped',
    async (verb) => {
      const { id, machine_id } = await h.createWorkspace({ on_outside_stop: 'restart' })
      // A stop that meets a machine that is still starting does not count, so the number of stops varies.
      for (let times = 0; times < 20 && (await read(id))['status'] !== 'hibernated'; times++) {
        await h.untilIdle()
        await stopOutside(machine_id, verb)
        await sweepLater(6_000)
        await sweepLater(6_000)
      }
      expect(await read(id)).toMatchObject({
        status: 'hibernated',
        machine_id,
        reason: { code: 'stopped_outside' },
      })
      expect(h.livingMachines()).toHaveLength(1)
      expect(await eventsOf(id)).toContain('machine_restarted')
    },
  )
})

describe('a stop that others request is a wish', () => {
  test.each(['stop', 'suspend'])(
    'a message that comes before a %s from outside was seen wakes the machine and is answered',
    async (verb) => {
      const { id, machine_id } = await h.createWorkspace()
      const send = async () => h.request(`/workspaces/${id}/a2a`, { method: 'POST', json: askRegion() })
      expect((await send()).status).toBe(200)
      await stopOutside(machine_id, verb)
      // Longer than the tolerance between the clocks of Fly's servers.
      h.advance(5_000)
      expect((await send()).status).toBe(200)
      expect(await read(id)).toMatchObject({ status: 'ready', machine_id, reason: null })
    },
  )

  test.each(['stop', 'suspend'])(
    'a %s from outside hibernates the workspace with its source, and a message wakes the same machine',
    async (verb) => {
      const { id, machine_id } = await h.createWorkspace()
      await stopOutside(machine_id, verb)
      await sweepLater(1_000)
      const done = verb === 'stop' ? 'stopped' : 'suspended'
      expect(await read(id)).toMatchObject({
        status: 'hibernated',
        machine_id,
        machine_state: done,
        reason: {
          code: 'stopped_outside',
          message: `Machine ${String(machine_id)} was ${done} by request (source: user), and not by this control plane.`,
        },
      })
      const { body } = await h.request<{ events: { payload: Json }[] }>(
        `/events?workspace_id=${id}&types=stop_accepted`,
      )
      expect(body.events).toMatchObject([{ payload: { stop: { verb, source: 'user' } } }])
      // It sleeps for as long as nothing needs it, and costs no recovery.
      for (let sweeps = 0; sweeps < 3; sweeps++) await sweepLater(600_000)
      expect(await read(id)).toMatchObject({ status: 'hibernated', machine_state: done })
      expect(await explain(id)).toMatchObject({ recoveries: { used: 0 }, next: { step: 'rest' } })
      const { status } = await h.request(`/workspaces/${id}/a2a`, { method: 'POST', json: askRegion() })
      expect(status).toBe(200)
      expect(await read(id)).toMatchObject({ status: 'ready', machine_id, reason: null })
      expect(await eventsOf(id)).not.toContain('machine_restarted')
    },
  )

  test('a resume wakes a workspace that others have stopped', async () => {
    const { id, machine_id } = await h.createWorkspace()
    await stopOutside(machine_id, 'stop')
    await sweepLater(1_000)
    const { body, status } = await h.request(`/workspaces/${id}/resume`, {
      method: 'POST',
      headers: { prefer: 'wait=20' },
    })
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { status: 'ready', resumed_count: 1, machine_id },
    })
  })

  test('a paused workspace that others stop stays paused, and a message does not wake it', async () => {
    const { id, machine_id } = await h.createWorkspace()
    await h.request(`/workspaces/${id}/pause`, { method: 'POST' })
    await h.untilIdle()
    await h.fly('POST', `/${String(machine_id)}/stop`)
    await sweepLater(1_000)
    expect((await h.request(`/workspaces/${id}/a2a`, { method: 'POST', json: askRegion() })).status).not.toBe(
      200,
    )
    expect(await read(id)).toMatchObject({ status: 'paused' })
  })

  test('on_outside_stop is sleep by default, and PATCH changes it without a restart', async () => {
    const { id, on_outside_stop } = await h.createWorkspace()
    expect(on_outside_stop).toBe('sleep')
    const { body } = await h.request(`/workspaces/${id}`, {
      method: 'PATCH',
      json: { on_outside_stop: 'restart' },
    })
    expect(body).toMatchObject({ needs_restart: false, workspace: { on_outside_stop: 'restart' } })
    expect(
      (await h.request(`/workspaces/${id}`, { method: 'PATCH', json: { on_outside_stop: 'x' } })).status,
    ).toBe(400)
  })
})
