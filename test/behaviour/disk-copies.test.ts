// Copies of disks: forks, snapshots and restores; and what happens to a disk when Fly loses a reply, a host or a volume.
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

let h: Harness
beforeEach(async () => {
  h = await createHarness({ env: { PROVISION_TIMEOUT_SECONDS: '600' } })
})
afterEach(() => h.close())

type Disk = { id: string; size_gb: number; region: string; state: string; workspace_id: string | null } & Json
const read = async (id: string) => (await h.request<Json & { disk: Disk }>(`/workspaces/${id}`)).body
const disks = async (query = '') => (await h.request<Disk[]>(`/disks${query}`)).body
const post = <Body = Json>(path: string, json: Json = {}) =>
  h.request<Body>(path, { method: 'POST', headers: { prefer: 'wait=20' }, json })
const volumes = () => h.emulator.volumes().filter(({ state }) => state === 'created')
const flyVolume = (method: string, path: string) =>
  h.emulator.api.fetch(
    new Request(`http://fly.test/v1/apps/test-app/volumes/${path}`, {
      method,
      headers: { authorization: 'Bearer operator' },
    }),
  )

async function say(id: string, text: string): Promise<string> {
  const params = {
    message: { role: 'user', messageId: crypto.randomUUID(), parts: [{ kind: 'text', text }] },
  }
  const { body } = await post(`/workspaces/${id}/a2a`, {
    jsonrpc: '2.0',
    id: 1,
    method: 'message/send',
    params,
  })
  return JSON.stringify(body)
}

async function sweepWhile(isOpen: () => Promise<boolean>, stepMs = 2_000): Promise<void> {
  for (let sweeps = 0; sweeps < 300; sweeps++) {
    await Promise.race([h.untilIdle(), delay(200)])
    if (!(await isOpen())) return
    h.advance(stepMs)
    await h.sweep({ patienceMs: 1_000 })
  }
}

async function untilStatus(id: string, status: string, stepMs = 1_000): Promise<void> {
  await sweepWhile(async () => (await read(id))['status'] !== status, stepMs)
  if ((await read(id))['status'] === status) return
  throw new Error(JSON.stringify((await h.request(`/workspaces/${id}/explain`)).body))
}

async function remembering(input: Json = {}): Promise<string> {
  const { id } = await h.createWorkspace(input)
  await say(id, 'remember blue')
  return id
}

const fork = async (input: Json): Promise<string> => {
  const { body, status } = await post<{ id: string }>('/workspaces', { name: 'fork', ...input })
  expect(status, JSON.stringify(body)).toBe(201)
  await untilStatus(body.id, 'ready')
  return body.id
}

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
    const { body } = await h.request<{ events: { type: string; payload: Json }[] }>(
      `/workspaces/${id}/events?limit=1000`,
    )
    const replaced = body.events.find(({ type }) => type === 'disk_replaced')
    expect(replaced?.payload).toMatchObject({ cause: 'host_lost', replaces: disk.id })
    expect(replaced?.payload['data_age_seconds']).toBeGreaterThanOrEqual(3_600)
  })
})
