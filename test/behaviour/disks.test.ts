// A workspace's disk: made before its machine, kept by everything that replaces the machine, and deleted after it.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createHarness, type Harness, type Json } from '../support/harness.ts'

let h: Harness
const open = async (env: Record<string, string> = {}) => (h = await createHarness({ env }))
afterEach(() => h.close())

type Disk = { id: string; size_gb: number; region: string; state: string; workspace_id: string | null } & Json
const read = async (id: string) => (await h.request<Json & { disk: Disk | null }>(`/workspaces/${id}`)).body
const diskOf = async (id: string) => (await read(id)).disk as Disk
const disks = async (query = '') => (await h.request<Disk[]>(`/disks${query}`)).body
const post = (path: string, json: Json = {}) =>
  h.request(path, { method: 'POST', headers: { prefer: 'wait=20' }, json })
const mountOf = async (id: string) => {
  const machine = await h.machineOf(id)
  return (machine.config as unknown as { mounts?: { volume: string; path: string }[] }).mounts
}
const eventsOf = async (id: string) =>
  (await h.request<{ events: { type: string }[] }>(`/workspaces/${id}/events`)).body.events.map(
    ({ type }) => type,
  )
const volumes = () => h.emulator.volumes().filter(({ state }) => state === 'created')

async function sweepUntil(done: () => boolean | Promise<boolean>, stepMs = 1_000): Promise<void> {
  for (let sweeps = 0; sweeps < 200; sweeps++) {
    await h.untilIdle()
    if (await done()) return
    h.advance(stepMs)
    await h.sweep({ patienceMs: 1_000 })
  }
  throw new Error(`the condition never held: ${JSON.stringify(await disks())}`)
}

describe('a workspace with a disk', () => {
  beforeEach(() => open())

  test('a workspace has a disk of one gigabyte in its region, mounted at /workspace, with a price', async () => {
    const { id } = await h.createWorkspace({ region: 'fra' })
    expect(await diskOf(id)).toMatchObject({
      size_gb: 1,
      region: 'fra',
      state: 'ready',
      path: '/workspace',
      usd_per_month: 0.15,
    })
    const [disk] = await disks()
    expect(disk).toMatchObject({ workspace_id: id, made_for: id, source: { kind: 'empty' } })
    expect(await mountOf(id)).toMatchObject([{ volume: disk?.['volume_id'], path: '/workspace' }])
  })

  test('a workspace may name the size and the path of its disk, or have none', async () => {
    const large = await h.createWorkspace({ disk_gb: 3, disk_path: '/data' })
    expect(await diskOf(large.id)).toMatchObject({ size_gb: 3, path: '/data', usd_per_month: 0.45 })
    const none = await h.createWorkspace({ disk_gb: 0 })
    expect((await read(none.id)).disk).toBeNull()
    expect(await mountOf(none.id)).toBeUndefined()
  })

  test.each([
    [{ disk_gb: -1 }, 'disk_gb'],
    [{ disk_gb: 501 }, 'disk_gb'],
    [{ disk_gb: 1.5 }, 'disk_gb'],
    [{ disk_path: 'workspace' }, 'disk_path'],
    [{ disk_path: '/' }, 'disk_path'],
    [{ disk_path: '/a/../etc' }, 'disk_path'],
    [{ disk_path: '/configs/x' }, 'disk_path'],
    [{ on_host_loss: 'hope' }, 'on_host_loss'],
  ])('the input %j is refused with the name of its field', async (input, field) => {
    const { body, status } = await post('/workspaces', { name: 'x', ...input })
    expect(status).toBe(400)
    expect(body).toMatchObject({ errors: [{ field }] })
  })

  test('restart, pause, resume, hibernate and another tier keep the disk', async () => {
    const { id } = await h.createWorkspace()
    const before = await mountOf(id)
    for (const command of ['restart', 'pause', 'resume', 'hibernate', 'restart']) {
      expect((await post(`/workspaces/${id}/${command}`)).status).toBe(200)
      expect(await mountOf(id)).toEqual(before)
    }
    await h.request(`/workspaces/${id}`, { method: 'PATCH', json: { tier: 3 } })
    await post(`/workspaces/${id}/restart`)
    expect(await read(id)).toMatchObject({ status: 'ready', tier: 3 })
    expect(await mountOf(id)).toEqual(before)
    expect(volumes()).toHaveLength(1)
  })

  test('a machine that was destroyed outside is replaced by one with the same disk', async () => {
    const { id, machine_id } = await h.createWorkspace()
    const before = await mountOf(id)
    await h.fly('DELETE', `/${String(machine_id)}?force=true`)
    await sweepUntil(async () => {
      const { machine_id: now, status } = await read(id)
      return status === 'ready' && now !== machine_id
    })
    expect(await mountOf(id)).toEqual(before)
  })

  test('a removed workspace loses its machine first and then its disk', async () => {
    const { id } = await h.createWorkspace()
    const { id: disk } = await diskOf(id)
    const { body } = await h.request(`/workspaces/${id}`, {
      method: 'DELETE',
      headers: { prefer: 'wait=20' },
    })
    expect(body).toEqual({ status: 'removed', cascade_deleted: 0 })
    await sweepUntil(async () => (await disks()).length === 0)
    expect(volumes()).toEqual([])
    expect((await h.request(`/disks/${disk}`)).body).toMatchObject({ state: 'gone', workspace_id: null })
    const deletes = h.outgoing.filter(({ method }) => method === 'DELETE').map(({ url }) => url)
    expect(deletes[0]).toContain('/machines/')
    expect(deletes.at(-1)).toContain('/volumes/')
  })

  test('a deletion that Fly accepts and does not carry out is repeated at growing intervals', async () => {
    const { id } = await h.createWorkspace()
    const fault = h.emulator.faults.add({ kind: 'answer', action: 'volume.delete', status: 200 })
    const asked = () =>
      h.outgoing.filter(({ method, url }) => method === 'DELETE' && url.includes('/volumes/')).length
    await h.request(`/workspaces/${id}`, { method: 'DELETE' })
    for (let minutes = 0; minutes < 30; minutes++) {
      h.advance(60_000)
      await h.sweep({ patienceMs: 1_000 })
    }
    expect(asked()).toBeGreaterThan(5)
    expect(asked()).toBeLessThan(20)
    h.emulator.faults.remove(fault)
    await sweepUntil(() => volumes().length === 0, 60_000)
  })

  test('a disk grows, says whether a restart is needed, and never shrinks', async () => {
    const { id } = await h.createWorkspace()
    const grow = (disk_gb: number) => h.request(`/workspaces/${id}`, { method: 'PATCH', json: { disk_gb } })
    expect((await grow(2)).body).toMatchObject({ needs_restart: false, workspace: { disk: { size_gb: 2 } } })
    // Fly extends for a moment, and refuses another change until then.
    await expect.poll(() => volumes()).toMatchObject([{ state: 'created' }])
    h.emulator.faults.add({ kind: 'extend-needs-restart', app: 'test-app' })
    expect((await grow(4)).body).toMatchObject({ needs_restart: true, workspace: { disk: { size_gb: 4 } } })
    expect((await grow(1)).body).toMatchObject({ code: 'invalid_input', errors: [{ field: 'disk_gb' }] })
    await expect.poll(() => volumes()).toMatchObject([{ sizeGb: 4 }])
  })

  test.each([
    [409, { slug: 'owned' }, 'slug'],
    [400, { parent_id: '00000000-0000-4000-8000-000000000000' }, 'parent_id'],
    [400, { image: 'example.com/not/allowed' }, 'image'],
    [400, { disk_path: '/other' }, 'disk_path'],
  ])('a request that is answered %i grows no disk: %j', async (status, input, field) => {
    await h.createWorkspace({ slug: 'owned' })
    const { id } = await h.createWorkspace()
    const answer = await h.request(`/workspaces/${id}`, {
      method: 'PATCH',
      json: { disk_gb: 3, name: 'changed', ...input },
    })
    expect(answer).toMatchObject({ status, body: { errors: [{ field }] } })
    expect(await read(id)).toMatchObject({ name: expect.not.stringMatching('changed'), disk: { size_gb: 1 } })
    expect(volumes()).toMatchObject([{ sizeGb: 1 }, { sizeGb: 1 }])
    expect(await eventsOf(id)).not.toContain('disk_grown')
  })

  test('a request that loses a race for a slug grows no disk', async () => {
    const ids = [(await h.createWorkspace()).id, (await h.createWorkspace()).id]
    const json = { slug: 'raced', disk_gb: 3, name: 'changed' }
    const answers = await Promise.all(
      ids.map((id) => h.request(`/workspaces/${id}`, { method: 'PATCH', json })),
    )
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409])
    const winner = answers.findIndex(({ status }) => status === 200)
    const [won = '', lost = ''] = winner === 0 ? ids : ids.toReversed()
    expect(await read(won)).toMatchObject({ name: 'changed', slug: 'raced', disk: { size_gb: 3 } })
    expect(await read(lost)).toMatchObject({
      name: expect.not.stringMatching('changed'),
      slug: null,
      disk: { size_gb: 1 },
    })
    await expect
      .poll(() =>
        volumes()
          .map(({ sizeGb }) => sizeGb)
          .toSorted((a, b) => a - b),
      )
      .toEqual([1, 3])
    expect(await eventsOf(lost)).not.toContain('disk_grown')
  })

  test('a growth whose answer was lost can be repeated', async () => {
    const { id } = await h.createWorkspace()
    h.emulator.faults.add({ kind: 'ambiguous', action: 'volume.extend', status: 500, times: 1 })
    const grown = await h.request(`/workspaces/${id}`, { method: 'PATCH', json: { disk_gb: 2 } })
    expect(grown.body).toMatchObject({ workspace: { disk: { size_gb: 2 } } })
  })
})

describe('a disk without its workspace', () => {
  beforeEach(() => open())

  test('a disk that is kept is listed with its price until it is deleted', async () => {
    const { id } = await h.createWorkspace()
    const { id: disk } = await diskOf(id)
    const { body } = await h.request(`/workspaces/${id}?keep_disk=true`, { method: 'DELETE' })
    expect(body).toMatchObject({ kept_disks: [disk] })
    await sweepUntil(() => h.livingMachines().length === 0)
    expect(await eventsOf(id)).toEqual(expect.arrayContaining(['disk_created', 'disk_retained']))
    h.advance(400 * 86_400_000)
    await h.runRetention()
    expect(await disks('?retained=true')).toMatchObject([
      {
        id: disk,
        workspace_id: null,
        state: 'ready',
        retained_reason: 'workspace_removed',
        retained_until: null,
        usd_per_month: 0.15,
      },
    ])
    expect((await h.request(`/disks/${disk}`, { method: 'DELETE' })).status).toBe(200)
    await h.untilIdle()
    expect(await disks()).toEqual([])
    expect(volumes()).toEqual([])
    expect(await eventsOf(id)).toEqual(['disk_deleted'])
  })

  test('a disk that Fly does not let grow for a moment says when to ask again', async () => {
    const { id } = await h.createWorkspace()
    h.emulator.faults.add({ kind: 'answer', action: 'volume.extend', status: 429 })
    const { body, status } = await h.request(`/workspaces/${id}`, { method: 'PATCH', json: { disk_gb: 2 } })
    expect([status, body['reason'], body['hint']]).toEqual([
      503,
      'rate_limited',
      'Send the request again in 5 s.',
    ])
  })

  test('the disk of a workspace cannot be deleted by itself', async () => {
    const { id } = await h.createWorkspace()
    const { id: disk } = await diskOf(id)
    const { body, status } = await h.request(`/disks/${disk}`, { method: 'DELETE' })
    expect(status).toBe(409)
    expect(body['detail']).toContain(id)
    expect((await h.request('/disks/disk_unknown')).status).toBe(404)
  })
})

test('a removed disk is kept for DISK_RETENTION_DAYS and then deleted', async () => {
  await open({ DISK_RETENTION_DAYS: '3' })
  const { id } = await h.createWorkspace()
  await h.request(`/workspaces/${id}`, { method: 'DELETE' })
  await sweepUntil(() => h.livingMachines().length === 0)
  h.advance(2 * 86_400_000)
  await h.runRetention()
  expect(await disks()).toHaveLength(1)
  h.advance(86_400_000 + 600_000)
  await h.runRetention()
  expect(await disks()).toEqual([])
  expect(volumes()).toEqual([])
})

test('a workspace without a disk that gets one by two requests at once has one disk', async () => {
  await open({ WORKSPACE_DISK_GB: '0' })
  const { id } = await h.createWorkspace()
  const answers = await Promise.all(
    [1, 2, 3].map((disk_gb) => h.request(`/workspaces/${id}`, { method: 'PATCH', json: { disk_gb } })),
  )
  const shown = answers.flatMap(
    ({ body }) => (body['workspace'] as { disk: Disk | null } | undefined)?.disk ?? [],
  )
  expect(await disks()).toHaveLength(1)
  expect(shown.map((disk) => disk.id)).toContain((await diskOf(id)).id)
  await post(`/workspaces/${id}/restart`)
  await sweepUntil(async () => (await read(id))['status'] === 'ready')
  expect(await mountOf(id)).toHaveLength(1)
})

test('a workspace has no disk where WORKSPACE_DISK_GB is 0 unless it asks for one, and gets one at a restart', async () => {
  await open({ WORKSPACE_DISK_GB: '0' })
  const { id } = await h.createWorkspace()
  expect((await read(id)).disk).toBeNull()
  const { body } = await h.request(`/workspaces/${id}`, { method: 'PATCH', json: { disk_gb: 1 } })
  expect(body).toMatchObject({ needs_restart: true, workspace: { disk: { state: 'wanted' } } })
  await post(`/workspaces/${id}/restart`)
  await sweepUntil(async () => (await read(id))['status'] === 'ready')
  expect(await diskOf(id)).toMatchObject({ state: 'ready' })
  expect(await mountOf(id)).toHaveLength(1)
})
