// Copies of disks: forks, snapshots and restores; and what happens to a disk when Fly loses a reply, a host or a volume.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eq } from 'drizzle-orm'
import { disks as diskTable } from '../../drizzle/schema/index.ts'
import { sweep } from '../../lib/control-plane/sweep.ts'
import { type Disk, diskClient } from '../support/disk-client.ts'
import { testInProcess } from '../support/control-plane.ts'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

let h: Harness
beforeEach(async () => {
  h = await createHarness({ env: { PROVISION_TIMEOUT_SECONDS: '600' } })
})
afterEach(() => h.close())

const client = diskClient(() => h)
const { disks, fork, post, read, remembering, say, sweepWhile, untilStatus, volumes } = client
const nextOf = async (id: string) =>
  (await h.request<{ next: { step: string; sentence: string } }>(`/workspaces/${id}/explain`)).body.next
const flyVolume = (method: string, path: string) =>
  h.emulator.api.fetch(
    new Request(`http://fly.test/v1/apps/test-app/volumes/${path}`, {
      method,
      headers: { authorization: 'Bearer operator' },
    }),
  )

describe('a fork', () => {
  test('a fork of a workspace remembers the same, has the same shape, and then differs', async () => {
    const id = await remembering({ tier: 3, env: { SHADE: 'dark' }, disk_gb: 2 })
    const copy = await fork({ from: { workspace: id } })
    expect(await read(copy)).toMatchObject({ tier: 3, env_names: ['SHADE'], disk: { size_gb: 2 } })
    await say(copy, 'remember green')
    expect(await say(copy, 'what do you remember?')).toContain('blue; green')
    expect(await say(id, 'what do you remember?')).not.toContain('green')
    expect(new Set(volumes().map((volume) => volume.attachedMachineId)).size).toBe(2)
  })

  test('a fork may differ in size, tier and region, where a snapshot is copied', async () => {
    const id = await remembering()
    const copy = await fork({ from: { workspace: id }, region: 'fra', tier: 2, disk_gb: 3 })
    expect(await read(copy)).toMatchObject({
      machine_region: 'fra',
      tier: 2,
      disk: { region: 'fra', size_gb: 3 },
    })
    expect(await say(copy, 'what do you remember?')).toContain('blue')
    const { body } = await h.request<Disk>(`/disks/${(await read(copy)).disk.id}`)
    expect(body['source']).toMatchObject({ kind: 'snapshot', disk_id: (await read(id)).disk.id })
  })

  test('a workspace can be made of a snapshot and of a disk that was kept', async () => {
    const id = await remembering()
    const { body } = await post<{ snapshot: { id: string } }>(`/workspaces/${id}/snapshots`)
    const { disk } = await read(id)
    await say(id, 'remember red')
    expect(
      await say(await fork({ from: { snapshot: body.snapshot.id } }), 'what do you remember?'),
    ).not.toContain('red')
    await h.request(`/workspaces/${id}?keep_disk=true`, { method: 'DELETE' })
    const revived = await fork({ from: { disk: disk.id } })
    expect(await say(revived, 'what do you remember?')).toContain('blue; red')
    expect(await disks('?retained=true')).toMatchObject([{ id: disk.id, state: 'ready' }])
  })

  test.each([
    [{ workspace: crypto.randomUUID() }, 'from.workspace'],
    [{ disk: 'disk_aaaaaaaaaaaaaaaa' }, 'from.disk'],
    [{ snapshot: 'vs_1' }, 'from.snapshot'],
    [{ snapshot: 'disk_aaaaaaaaaaaaaaaa.vs_1' }, 'from.snapshot'],
    [{}, 'from'],
    ['a workspace', 'from'],
  ])('the origin %j is refused with the name of its field', async (from, field) => {
    const { body, status } = await post('/workspaces', { name: 'fork', from })
    expect(status).toBe(400)
    expect(body).toMatchObject({ errors: [{ field }] })
  })

  test('a fork cannot be smaller than its origin, and a workspace without a disk has no fork', async () => {
    const id = await remembering({ disk_gb: 2 })
    const small = await post('/workspaces', { name: 'x', from: { workspace: id }, disk_gb: 1 })
    expect(small.body).toMatchObject({ errors: [{ field: 'disk_gb' }] })
    const { id: bare } = await h.createWorkspace({ disk_gb: 0 })
    const { body } = await post('/workspaces', { name: 'x', from: { workspace: bare } })
    expect(body).toMatchObject({ errors: [{ field: 'from.workspace' }] })
    expect((await post(`/workspaces/${bare}/snapshots`)).status).toBe(409)
  })
})

describe('snapshots', () => {
  test('the snapshots of a removed workspace are 404, also for one that would be taken', async () => {
    const { id } = await h.createWorkspace()
    await h.request(`/workspaces/${id}`, { method: 'DELETE' })
    expect((await h.request(`/workspaces/${id}/snapshots`)).status).toBe(404)
    expect((await post(`/workspaces/${id}/snapshots`)).status).toBe(404)
  })

  test('a restored workspace has what the snapshot has, and the disk before is kept', async () => {
    const id = await remembering()
    const { body } = await post<{ snapshot: { id: string } }>(`/workspaces/${id}/snapshots`)
    const { disk } = await read(id)
    await say(id, 'remember red')
    expect((await post(`/workspaces/${id}/restore`, { snapshot: body.snapshot.id })).status).toBe(200)
    await untilStatus(id, 'ready')
    expect(await say(id, 'what do you remember?')).not.toContain('red')
    expect(await disks('?retained=true')).toMatchObject([
      { id: disk.id, state: 'ready', retained_reason: 'replaced' },
    ])
    const { body: explained } = await h.request(`/workspaces/${id}/explain`)
    expect(explained['disk']).toMatchObject({ state: 'ready', progress: null, source: { disk_id: disk.id } })
  })

  test('another region takes the disk along by a snapshot, and the old disk is kept', async () => {
    const id = await remembering()
    const { disk } = await read(id)
    await h.request(`/workspaces/${id}`, { method: 'PATCH', json: { region: 'fra' } })
    await post(`/workspaces/${id}/restart`)
    await untilStatus(id, 'ready')
    expect(await read(id)).toMatchObject({ machine_region: 'fra', disk: { region: 'fra' } })
    expect(await say(id, 'what do you remember?')).toContain('blue')
    expect(await disks('?retained=true')).toMatchObject([{ id: disk.id, region: 'ord', state: 'ready' }])
  })

  test('a workspace that is paused while its disk moves keeps the disk before until the copy is made', async () => {
    const id = await remembering()
    const { disk } = await read(id)
    h.emulator.faults.add({ kind: 'slow-snapshot', ms: 3_000 })
    await h.request(`/workspaces/${id}`, { method: 'PATCH', json: { region: 'fra' } })
    await h.request(`/workspaces/${id}/restart`, { method: 'POST' })
    // A pause that comes before the move has begun prevents it.
    await expect.poll(async () => (await read(id)).disk.state).toBe('wanted')
    await h.request(`/workspaces/${id}/pause`, { method: 'POST' })
    await untilStatus(id, 'paused')
    expect((await read(id)).disk).toMatchObject({ state: 'wanted' })
    h.advance(60 * 86_400_000)
    await h.runRetention()
    expect(await disks('?retained=true')).toMatchObject([{ id: disk.id, state: 'ready' }])
    h.emulator.faults.clear()
    await post(`/workspaces/${id}/resume`)
    await untilStatus(id, 'ready')
    expect(await say(id, 'what do you remember?')).toContain('blue')
  })

  test.each([
    'ready',
    // The copy was requested at the moment in which the disk was marked.
    'deleting',
  ] as const)(
    'the %s disk of a removed workspace waits for a copy that is being made, and is kept for one at rest',
    async (state) => {
      const id = await remembering()
      const { disk } = await read(id)
      const blocked = h.emulator.faults.add({ kind: 'answer', action: 'volume.create', status: 503 })
      const { body: copy } = await h.request<{ id: string }>('/workspaces', {
        method: 'POST',
        json: { name: 'copy', from: { workspace: id } },
      })
      await h.request(`/workspaces/${id}`, { method: 'DELETE' })
      await sweepWhile(async () => (await nextOf(id)).step !== 'delete_disk')
      expect(await nextOf(id)).toMatchObject({ sentence: expect.stringContaining('copied') })
      expect(JSON.stringify((await h.request(`/workspaces/${id}/explain`)).body)).toContain(copy.id)

      await h.db.update(diskTable).set({ state }).where(eq(diskTable.id, disk.id))
      await h.request(`/workspaces/${copy.id}/pause`, { method: 'POST' })
      await sweepWhile(async () => (await nextOf(id)).step !== 'rest')
      expect(await disks('?retained=true')).toMatchObject([
        { id: disk.id, state: 'ready', retained_reason: 'copy_wanted' },
      ])
      const { body: refused } = await h.request(`/disks/${disk.id}`, { method: 'DELETE' })
      expect(refused).toMatchObject({ code: 'conflict', detail: expect.stringContaining(copy.id) })
      await h.runRetention()
      expect(await disks('?retained=true')).toHaveLength(1)

      h.emulator.faults.remove(blocked)
      await h.request(`/workspaces/${copy.id}/resume`, { method: 'POST' })
      await untilStatus(copy.id, 'ready')
      expect(await say(copy.id, 'what do you remember?')).toContain('blue')
      h.advance(3_600_000)
      await h.runRetention()
      expect(await disks('?retained=true')).toEqual([])
      expect(volumes()).toHaveLength(1)
    },
  )

  test('a snapshot is listed with its price, counted at its workspace, and of its own workspace only', async () => {
    const id = await remembering()
    const { body, status } = await post<{ snapshot: Json }>(`/workspaces/${id}/snapshots`)
    expect(status).toBe(202)
    expect(body.snapshot).toMatchObject({ usable: true, disk_id: (await read(id)).disk.id })
    const { body: list } = await h.request<Json[]>(`/workspaces/${id}/snapshots`)
    expect(list).toEqual([body.snapshot])
    expect((await read(id)).disk).toMatchObject({ snapshots: 1 })
    const { id: other } = await h.createWorkspace()
    const refused = await post(`/workspaces/${other}/restore`, { snapshot: body.snapshot['id'] })
    expect(refused.body).toMatchObject({ code: 'invalid_input', errors: [{ field: 'snapshot' }] })
  })

  test('a snapshot that takes long is answered at once and is not usable yet', async () => {
    const id = await remembering()
    h.emulator.faults.add({ kind: 'slow-snapshot', ms: 60_000 })
    const { body } = await h.request<{ snapshot: { id: string } | null }>(`/workspaces/${id}/snapshots`, {
      method: 'POST',
    })
    expect(body.snapshot).toMatchObject({ id: null, usable: false })
  })
})

describe('when Fly fails', () => {
  test('a create of a disk whose reply was lost leads to one disk', async () => {
    h.emulator.faults.add({ kind: 'lose-reply', action: 'volume.create', times: 1 })
    const { id } = await h.createWorkspace()
    await untilStatus(id, 'ready')
    expect(volumes()).toHaveLength(1)
    const { body } = await h.request<{ events: { type: string }[] }>(`/workspaces/${id}/events`)
    expect(body.events.map(({ type }) => type)).toContain('disk_adopted')
  })

  testInProcess(
    'the second replica is composed in this process',
    'a replica whose clock is ahead does not give up a create that may still be carried out',
    async () => {
      h.emulator.faults.add({ kind: 'lose-reply', action: 'volume.create', times: 1 })
      h.emulator.faults.add({ kind: 'stale-volumes', ms: 30_000 })
      const { body } = await h.request<{ id: string }>('/workspaces', { method: 'POST', json: { name: 'x' } })
      await expect.poll(async () => (await read(body.id)).disk.state, { timeout: 30_000 }).toBe('creating')
      const ahead = { ...h.services, now: () => new Date(h.now().getTime() + 300_000) }
      for (let sweeps = 0; sweeps < 3; sweeps++) await sweep(ahead, { patienceMs: 0 })
      expect((await read(body.id)).disk.state).toBe('creating')
      h.advance(31_000)
      await untilStatus(body.id, 'ready', 30_000)
      expect(volumes()).toHaveLength(1)
    },
  )

  test('a workspace that is removed while the reply is lost leaves no disk', async () => {
    h.emulator.faults.add({ kind: 'ambiguous', action: 'volume.create', status: 504, times: 1 })
    const { body } = await h.request<{ id: string }>('/workspaces', { method: 'POST', json: { name: 'x' } })
    await h.untilIdle()
    await h.request(`/workspaces/${body.id}`, { method: 'DELETE' })
    await sweepWhile(async () => (await disks()).length > 0)
    expect(await disks()).toEqual([])
    expect(volumes()).toEqual([])
  })

  test('the disk of a workspace that is paused while the reply is lost is known afterwards', async () => {
    h.emulator.faults.add({ kind: 'ambiguous', action: 'volume.create', status: 504, times: 1 })
    const hidden = h.emulator.faults.add({ kind: 'answer', action: 'volume.list', status: 503 })
    const { body } = await h.request<{ id: string }>('/workspaces', { method: 'POST', json: { name: 'x' } })
    await expect.poll(() => volumes()).toHaveLength(1)
    await h.request(`/workspaces/${body.id}/pause`, { method: 'POST' })
    h.emulator.faults.remove(hidden)
    await sweepWhile(async () => (await read(body.id)).disk.state !== 'ready')
    expect(await read(body.id)).toMatchObject({ status: 'paused', disk: { state: 'ready' } })
    expect(volumes()).toHaveLength(1)
  })

  test('a disk that Fly has lost ends in a failure with its reason, never in an empty disk, and can be restored', async () => {
    const id = await remembering()
    const { body } = await post<{ snapshot: { id: string } }>(`/workspaces/${id}/snapshots`)
    const { disk, machine_id } = await read(id)
    const { body: lost } = await h.request(`/disks/${disk.id}`)
    await h.untilIdle()
    await h.fly('DELETE', `/${String(machine_id)}?force=true`)
    await h.fly('GET', `/${String(machine_id)}/wait?state=destroyed`)
    expect((await flyVolume('DELETE', String(lost['volume_id']))).status).toBe(200)
    await untilStatus(id, 'failed')
    expect(await read(id)).toMatchObject({
      reason: { code: 'disk_lost' },
      disk: { id: disk.id, state: 'missing' },
    })
    expect(volumes()).toEqual([])
    expect((await post(`/workspaces/${id}/restore`, { snapshot: body.snapshot.id })).status).toBe(200)
    await untilStatus(id, 'ready')
    expect(await say(id, 'what do you remember?')).toContain('blue')
  })

  test('a lost disk is restored from the newest snapshot where on_host_loss is restore, with the age of its data', async () => {
    const id = await remembering({ on_host_loss: 'restore' })
    await post(`/workspaces/${id}/snapshots`)
    const { disk, machine_id } = await read(id)
    const { body: lost } = await h.request(`/disks/${disk.id}`)
    await h.untilIdle()
    h.advance(3_600_000)
    await h.fly('DELETE', `/${String(machine_id)}?force=true`)
    await h.fly('GET', `/${String(machine_id)}/wait?state=destroyed`)
    await flyVolume('DELETE', String(lost['volume_id']))
    await sweepWhile(async () => (await read(id)).disk.id === disk.id)
    await untilStatus(id, 'ready')
    expect(await say(id, 'what do you remember?')).toContain('blue')
    const replaced = (await client.events(id)).find(({ type }) => type === 'disk_replaced')
    expect(replaced?.payload).toMatchObject({ cause: 'host_lost', replaces: disk.id })
    expect(replaced?.payload['data_age_seconds']).toBeGreaterThanOrEqual(3_600)
  })
})
