// What happens to workspaces whose host has no room or does not answer: they wait, are told what will be lost, and keep their work.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Survival } from '../../lib/workspaces/survival.ts'
import { diskClient } from '../support/disk-client.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

let h: Harness
beforeEach(async () => {
  h = await createHarness({ env: { PROVISION_TIMEOUT_SECONDS: '600' } })
})
afterEach(() => h.close())

const client = diskClient(() => h)
const { disks, events, post, read, remembering, say, sweepWhile, untilStatus, volumes } = client

const volumeOf = async (id: string) =>
  String((await h.request(`/disks/${(await read(id)).disk.id}`)).body['volume_id'])
const hostLostRow = async (id: string) =>
  (await h.request<{ survives: Survival[] }>(`/workspaces/${id}/explain`)).body.survives.find(
    ({ event }) => event === 'host_lost',
  )
const isReady = async (id: string) => (await read(id))['status'] === 'ready'

/** How long each state of a slow volume lasts, in real time. */
const SLOW_MS = 1_500

/** Sweeps in real time, without moving the clocks. */
const untilReady = (id: string) =>
  expect
    .poll(
      async () => {
        await h.sweep({ patienceMs: 1_000 })
        return (await read(id))['status']
      },
      { timeout: 60_000, interval: 100 },
    )
    .toBe('ready')

/** Moves the clocks by so much, and sweeps meanwhile. */
async function pass(seconds: number, stepSeconds = 5): Promise<void> {
  const end = h.now().getTime() + seconds * 1000
  await sweepWhile(async () => h.now().getTime() < end, stepSeconds * 1000)
}

describe('a full host', () => {
  test('a full host is waited for, then the disk is copied to another host and the old one is kept', async () => {
    const id = await remembering()
    const { disk } = await read(id)
    const { body: old } = await h.request(`/disks/${disk.id}`)
    await post(`/workspaces/${id}/pause`)
    h.emulator.faults.add({ kind: 'host-full', volume: String(old['volume_id']) })
    await h.request(`/workspaces/${id}/resume`, { method: 'POST' })
    await untilStatus(id, 'ready')
    expect((await read(id)).disk.id).not.toBe(disk.id)
    expect(await say(id, 'what do you remember?')).toContain('blue')
    expect(await disks('?retained=true')).toMatchObject([
      { id: disk.id, state: 'ready', retained_reason: 'replaced' },
    ])
  })

  test('the machine that is suspended on a full host keeps its memory as long as the host is waited for', async () => {
    const id = await remembering()
    const { machine_id } = await read(id)
    await post(`/workspaces/${id}/hibernate`)
    const full = h.emulator.faults.add({ kind: 'host-full', volume: await volumeOf(id) })
    await h.request(`/workspaces/${id}/resume`, { method: 'POST' })
    await pass(40)
    const waiting = await read(id)
    expect(waiting).toMatchObject({ status: 'provisioning', machine_id, reason: { code: 'no_capacity' } })
    expect(waiting['reason']).toMatchObject({ hint: expect.stringContaining('in memory is lost') })
    expect(h.livingMachines()).toMatchObject([{ id: machine_id, state: 'suspended' }])
    h.emulator.faults.remove(full)
    await untilStatus(id, 'ready')
    expect(await read(id)).toMatchObject({ machine_id })
  })

  test('a host that stays full is left with a copy of the disk, and reason and events say what is lost', async () => {
    const id = await remembering()
    const { disk, machine_id } = await read(id)
    await post(`/workspaces/${id}/hibernate`)
    h.emulator.faults.add({ kind: 'host-full', volume: await volumeOf(id) })
    await h.request(`/workspaces/${id}/resume`, { method: 'POST' })
    await untilStatus(id, 'ready')
    expect(await say(id, 'what do you remember?')).toContain('blue')
    const all = await events(id)
    expect(all.find(({ type }) => type === 'host_full')?.payload).toMatchObject({
      machine_id,
      reason: { code: 'no_capacity', hint: expect.stringContaining('what it had in memory is lost') },
    })
    expect(all.find(({ type }) => type === 'disk_replaced')?.payload).toMatchObject({
      cause: 'host_full',
      replaces: disk.id,
    })
    expect(await disks('?retained=true')).toMatchObject([{ id: disk.id, state: 'ready' }])
    await sweepWhile(async () => h.livingMachines().length > 1)
    expect(h.livingMachines()).toHaveLength(1)
  })

  test('a machine without a disk is created on another host after its host was full for a while', async () => {
    const { id, machine_id } = await h.createWorkspace({ disk_gb: 0 })
    await post(`/workspaces/${id}/hibernate`)
    h.emulator.faults.add({ kind: 'host-full', machine: String(machine_id) })
    await h.request(`/workspaces/${id}/resume`, { method: 'POST' })
    await pass(40)
    expect(await read(id)).toMatchObject({ status: 'provisioning', machine_id })
    await untilStatus(id, 'ready')
    expect((await read(id))['machine_id']).not.toBe(machine_id)
    expect((await events(id)).map(({ type }) => type)).toContain('host_full')
    expect(h.livingMachines()).toHaveLength(1)
  })

  test('tries to place a new disk on full hosts pause, and each deletes the disk of the one before', async () => {
    h.emulator.faults.add({ kind: 'capacity', as: 'volume', times: 4 })
    const { body } = await h.request<Json & { id: string }>('/workspaces', {
      method: 'POST',
      json: { name: 'x' },
    })
    let most = 0
    await sweepWhile(async () => {
      most = Math.max(most, volumes().length)
      return !(await isReady(body.id))
    }, 1_000)
    expect(await read(body.id)).toMatchObject({ status: 'ready', disk: { state: 'ready' } })
    expect(most).toBeLessThanOrEqual(2)
    // Four tries failed. Ten seconds lie between two of them; a pause takes a twentieth of its time here.
    const tries = (await events(body.id)).filter(({ type }) => type === 'disk_replaced')
    expect(tries).toHaveLength(4)
    const times = tries.map(({ at }) => Date.parse(at))
    const pauses = times.slice(1).map((at, n) => at - (times[n] ?? 0))
    expect(Math.min(...pauses)).toBeGreaterThan(450)
    await sweepWhile(async () => volumes().length > 1)
    expect(volumes()).toHaveLength(1)
    expect(await disks()).toHaveLength(1)
  })

  test('a copy that has no room in its region is made in another one that the workspace allows, after a while', async () => {
    const id = await remembering({ regions: ['ord', 'fra'] })
    const { disk } = await read(id)
    await post(`/workspaces/${id}/pause`)
    h.emulator.faults.add({ kind: 'host-full', volume: await volumeOf(id) })
    h.emulator.faults.add({ kind: 'capacity', as: 'new-volume', region: 'ord' })
    await h.request(`/workspaces/${id}/resume`, { method: 'POST' })
    await untilStatus(id, 'ready', 5_000)
    expect(await read(id)).toMatchObject({ machine_region: 'fra', disk: { region: 'fra' } })
    expect(await say(id, 'what do you remember?')).toContain('blue')
    expect(await disks('?retained=true')).toMatchObject([{ id: disk.id, region: 'ord', state: 'ready' }])
  })
})

test('the disk of a removed workspace waits for a copy of it that is being made', async () => {
  const id = await remembering()
  const { disk } = await read(id)
  // A busy computer needs longer for the looks at the disk.
  h.emulator.faults.add({ kind: 'slow-volume', ms: 2 * SLOW_MS })
  const { body } = await h.request<{ id: string }>('/workspaces', {
    method: 'POST',
    json: { name: 'fork', from: { workspace: id } },
  })
  await sweepWhile(async () => (await read(body.id)).disk.state !== 'creating')
  await h.request(`/workspaces/${id}`, { method: 'DELETE' })
  await pass(60)
  expect((await h.request(`/disks/${disk.id}`)).body).toMatchObject({ state: 'ready' })
  await untilReady(body.id)
  expect(await say(body.id, 'what do you remember?')).toContain('blue')
  await sweepWhile(async () => (await h.request(`/disks/${disk.id}`)).body['state'] !== 'gone')
  expect(volumes()).toMatchObject([{ id: await volumeOf(body.id) }])
})

describe('a host that does not answer', () => {
  test('a host that does not answer is waited for, or its disk is restored from a snapshot elsewhere, as the workspace says', async () => {
    const waiting = await remembering()
    const restoring = await remembering({ on_host_loss: 'restore' })
    for (const id of [waiting, restoring]) await post(`/workspaces/${id}/snapshots`)
    const before = { waiting: await read(waiting), restoring: await read(restoring) }
    const faults = Object.values(before).map(({ machine_id }) =>
      h.emulator.faults.add({ kind: 'host-unreachable', machine: String(machine_id) }),
    )
    await h.untilIdle()
    for (let sweeps = 0; sweeps < 40; sweeps++) {
      h.advance(61_000)
      await h.sweep({ patienceMs: 500 })
    }
    await untilStatus(restoring, 'ready')
    expect(await say(restoring, 'what do you remember?')).toContain('blue')
    expect((await read(restoring)).disk.id).not.toBe(before.restoring.disk.id)
    expect(await read(waiting)).toMatchObject({ status: 'offline', disk: { id: before.waiting.disk.id } })
    for (const fault of faults) h.emulator.faults.remove(fault)
    await untilStatus(waiting, 'ready', 20_000)
    expect((await read(waiting)).disk.id).toBe(before.waiting.disk.id)
    // The machine that was left behind is destroyed, and its disk is kept.
    for (let sweeps = 0; sweeps < 40 && h.livingMachines().length > 2; sweeps++) {
      h.advance(61_000)
      await h.sweep({ patienceMs: 500 })
      await h.untilIdle()
    }
    expect(h.livingMachines()).toHaveLength(2)
    expect(await disks('?retained=true')).toMatchObject([{ id: before.restoring.disk.id, state: 'ready' }])
  })

  test.each(['wait', 'restore'])(
    'a workspace that is being started on it is not given up at its deadline (on_host_loss: %s)',
    async (on_host_loss) => {
      const id = await remembering({ on_host_loss })
      await post(`/workspaces/${id}/snapshots`)
      await say(id, 'remember red')
      const { disk, machine_id } = await read(id)
      const promised = await hostLostRow(id)
      await post(`/workspaces/${id}/pause`)
      const lost = h.emulator.faults.add({ kind: 'host-unreachable', machine: String(machine_id) })
      await h.request(`/workspaces/${id}/resume`, { method: 'POST' })
      await pass(2_000, 60)
      const after = await read(id)
      if (on_host_loss === 'wait') {
        expect(after).toMatchObject({
          status: 'provisioning',
          reason: { code: 'host_unreachable' },
          machine_id,
        })
        h.emulator.faults.remove(lost)
        await untilStatus(id, 'ready', 5_000)
        expect((await read(id)).disk.id).toBe(disk.id)
      } else {
        await untilStatus(id, 'ready', 5_000)
        expect((await read(id)).disk.id).not.toBe(disk.id)
        const replaced = (await events(id)).find(({ type }) => type === 'disk_replaced')
        expect(replaced?.payload).toMatchObject({ cause: 'host_lost', replaces: disk.id })
        // By then the snapshot was older than HOST_LOSS_SECONDS.
        expect(replaced?.payload['data_age_seconds']).toBeGreaterThanOrEqual(900)
      }
      const remembered = await say(id, 'what do you remember?')
      expect(remembered).toContain('blue')
      expect(promised?.disk).toBe(remembered.includes('red') ? 'kept' : 'snapshot')
    },
  )

  test('a restore that takes longer than a start may take is not given up while it goes on', async () => {
    const id = await remembering({ on_host_loss: 'restore' })
    await post(`/workspaces/${id}/snapshots`)
    const { disk, machine_id } = await read(id)
    h.emulator.faults.add({ kind: 'host-unreachable', machine: String(machine_id) })
    h.emulator.faults.add({ kind: 'slow-volume', ms: SLOW_MS })
    await h.untilIdle()
    await sweepWhile(async () => (await read(id)).disk.id === disk.id, 61_000)
    // Longer than a workspace may take to start.
    await pass(1_200, 60)
    await untilReady(id)
    expect((await events(id)).map(({ type }) => type)).not.toContain('gave_up')
    expect(await say(id, 'what do you remember?')).toContain('blue')
  })
})
