// Disks that take the place of others: whatever happens between two steps, what an agent wrote is still there.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { diskClient } from '../support/disk-client.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

const DAY_MS = 86_400_000

let h: Harness
beforeEach(async () => {
  h = await createHarness({ env: { PROVISION_TIMEOUT_SECONDS: '600' } })
})
afterEach(() => h.close())

const client = diskClient(() => h)
const { disks, post, read, remembering, say, sweepWhile, untilStatus, volumes } = client

const diskOf = async (id: string) => (await h.request(`/disks/${id}`)).body
const patch = (id: string, json: Json) => h.request(`/workspaces/${id}`, { method: 'PATCH', json })

/** A workspace whose disk is about to be copied to another region; a pause keeps it so. */
async function pausedInMove(): Promise<{ id: string; left: string }> {
  const id = await remembering()
  const left = (await read(id)).disk.id
  const slow = h.emulator.faults.add({ kind: 'slow-snapshot', ms: 3_000 })
  await patch(id, { region: 'fra' })
  await h.request(`/workspaces/${id}/restart`, { method: 'POST' })
  await expect.poll(async () => (await read(id)).disk.state).toBe('wanted')
  await h.request(`/workspaces/${id}/pause`, { method: 'POST' })
  await untilStatus(id, 'paused')
  h.emulator.faults.remove(slow)
  return { id, left }
}

describe('a copy that no machine has had yet', () => {
  /** A fork whose disk is made, and whose machine is refused. */
  async function forkWithoutMachine(origin: string): Promise<string> {
    const quota = h.emulator.faults.add({ kind: 'capacity', as: 'quota' })
    const { body } = await h.request<{ id: string }>('/workspaces', {
      method: 'POST',
      json: { name: 'fork', from: { workspace: origin } },
    })
    await untilStatus(body.id, 'failed')
    expect((await read(body.id)).disk.state).toBe('ready')
    h.emulator.faults.remove(quota)
    return body.id
  }

  test('a copy on a full host is copied itself, because its origin may be gone', async () => {
    const origin = await remembering()
    const copy = await forkWithoutMachine(origin)
    await h.request(`/workspaces/${origin}`, { method: 'DELETE' })
    await sweepWhile(async () => volumes().length > 1)
    h.emulator.faults.add({ kind: 'capacity', as: 'volume', times: 1 })
    await post(`/workspaces/${copy}/restart`)
    await untilStatus(copy, 'ready')
    expect(await say(copy, 'what do you remember?')).toContain('blue')
    h.advance(60_000)
    await h.runRetention()
    await sweepWhile(async () => volumes().length > 1)
    expect(volumes()).toHaveLength(1)
  })

  test('a fork of such a copy has what the copy has', async () => {
    const origin = await remembering()
    const copy = await forkWithoutMachine(origin)
    await h.request(`/workspaces/${origin}`, { method: 'DELETE' })
    await sweepWhile(async () => volumes().length > 1)
    const second = await client.fork({ from: { workspace: copy } })
    expect(await say(second, 'what do you remember?')).toContain('blue')
  })
})

describe('a disk on its way to another region', () => {
  test('keep_disk keeps the disk before, while its copy is not made', async () => {
    const { id, left } = await pausedInMove()
    const { body } = await h.request(`/workspaces/${id}?keep_disk=true`, { method: 'DELETE' })
    expect(body).toMatchObject({ kept_disks: [left] })
    expect(await diskOf(left)).toMatchObject({ retained_until: null })
    await sweepWhile(async () => (await disks()).length > 1)
    h.advance(60 * DAY_MS)
    await h.runRetention()
    expect(await disks('?retained=true')).toMatchObject([{ id: left, state: 'ready', retained_until: null }])
    expect(await say(await client.fork({ from: { disk: left } }), 'what do you remember?')).toContain('blue')
  })

  test('a copy whose snapshot has expired meanwhile is made of a new one', async () => {
    const { id, left } = await pausedInMove()
    const refused = h.emulator.faults.add({ kind: 'capacity', as: 'new-volume' })
    await h.request(`/workspaces/${id}/resume`, { method: 'POST' })
    await sweepWhile(async () => {
      const { source } = (await diskOf((await read(id)).disk.id)) as { source: Json }
      return source['snapshot_id'] === null
    })
    await post(`/workspaces/${id}/pause`)
    h.emulator.faults.remove(refused)
    h.advance(6 * DAY_MS)
    await h.runRetention()
    await h.request(`/workspaces/${id}/resume`, { method: 'POST' })
    await untilStatus(id, 'ready')
    expect(await say(id, 'what do you remember?')).toContain('blue')
    expect(await disks('?retained=true')).toMatchObject([{ id: left }])
  })

  test('a disk that grows while it is replaced has its new size afterwards', async () => {
    const id = await remembering()
    await patch(id, { region: 'fra' })
    const { disk } = await read(id)
    // What replaces it is decided while Fly shows the stopped machine.
    const slow = h.emulator.faults.add({ kind: 'latency', action: 'machine.get', ms: 1_000 })
    await h.request(`/workspaces/${id}/restart`, { method: 'POST' })
    await expect.poll(() => h.livingMachines()[0]?.state, { timeout: 10_000 }).toBe('stopped')
    const grown = await patch(id, { disk_gb: 4 })
    h.emulator.faults.remove(slow)
    await untilStatus(id, 'ready')
    const after = (await read(id)).disk
    expect(after.id).not.toBe(disk.id)
    expect([grown.status, after.size_gb]).toEqual(grown.status === 409 ? [409, 1] : [200, 4])
    expect(await say(id, 'what do you remember?')).toContain('blue')
  })
})
