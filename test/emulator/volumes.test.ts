// Volumes of the emulated Machines API: their fields, states, sizes, snapshots, forks and deletion.

import { describe, expect, test } from 'vitest'
import { eventually, startFly } from '../support/emulator.ts'
import type { Json } from '../support/emulator.ts'

const DAY_MS = 24 * 3_600_000

describe('a volume', () => {
  test('create answers 200 with a volume that becomes created', async () => {
    const { call, volumes, volume } = await startFly()
    const reply = await call('POST', volumes, { name: 'data', region: 'fra', size_gb: 2 })
    expect(reply).toMatchObject({
      status: 200,
      body: {
        id: expect.stringMatching(/^vol_[0-9a-z]{16}$/),
        name: 'data',
        state: 'creating',
        region: 'fra',
        size_gb: 2,
        zone: expect.stringMatching(/^[0-9a-f]{4}$/),
        encrypted: true,
        attached_machine_id: null,
        snapshot_retention: 5,
        auto_backup_enabled: true,
        host_status: 'ok',
        bytes_used: 0,
      },
    })
    await eventually(async () => (await volume(reply.body.id)).state === 'created')
  })

  test('two creates with one name make two volumes', async () => {
    const { call, volumes, disk } = await startFly()
    const [one, two] = [await disk(), await disk()]
    expect(two.id).not.toBe(one.id)
    expect((await call('GET', volumes)).body).toMatchObject([{ name: 'data' }, { name: 'data' }])
    expect((await call('GET', '/v1/apps/demo')).body.volume_count).toBe(2)
  })

  test('without a size a volume has 3 GB', async () => {
    const { disk } = await startFly()
    expect((await disk()).size_gb).toBe(3)
  })

  test.each([
    [{ name: 'Data' }, /name/],
    [{ name: 'x'.repeat(31) }, /name/],
    [{ name: 'data', size_gb: 501 }, /size_gb/],
    [{ name: 'data', snapshot_retention: 61 }, /snapshot_retention/],
    [{ name: 'data', region: 'eu' }, /region eu not found/],
    [{ name: 'data', compute: { cpus: 3 } }, /guest.cpus/],
  ])('create refuses %j with 400', async (body, text) => {
    const { call, volumes } = await startFly()
    const reply = await call('POST', volumes, body)
    expect(reply.status).toBe(400)
    expect(reply.body.error).toMatch(text)
  })

  test('an update changes the retention of snapshots and nothing else', async () => {
    const { call, volumes, disk } = await startFly()
    const { id } = await disk()
    const reply = await call('PUT', `${volumes}/${id}`, { snapshot_retention: 9, auto_backup_enabled: false })
    expect(reply.body).toMatchObject({ id, snapshot_retention: 9, auto_backup_enabled: false })
  })

  test('a volume can be extended and not made smaller', async () => {
    const { call, volumes, volume, disk } = await startFly()
    const { id } = await disk({ size_gb: 2 })
    expect((await call('PUT', `${volumes}/${id}/extend`, { size_gb: 2 })).status).toBe(400)
    const reply = await call('PUT', `${volumes}/${id}/extend`, { size_gb: 5 })
    expect(reply.body).toMatchObject({ needs_restart: false, volume: { state: 'extending', size_gb: 5 } })
    await eventually(async () => (await volume(id)).state === 'created')
  })

  test('a deleted volume is pending_destroy for a day and then unknown', async () => {
    let now = Date.now()
    const { call, volumes, volume, disk } = await startFly({ now: () => now })
    const { id } = await disk()
    expect((await call('DELETE', `${volumes}/${id}`)).body.state).toBe('scheduling_destroy')
    await eventually(async () => (await volume(id)).state === 'pending_destroy')
    expect((await call('GET', volumes)).body).toMatchObject([{ id, state: 'pending_destroy' }])
    now += DAY_MS
    expect((await call('GET', volumes)).body).toEqual([])
    expect((await call('GET', `${volumes}/${id}`)).status).toBe(404)
    const org = '/v1/orgs/personal/volumes'
    expect((await call('GET', org)).body.volumes).toEqual([])
    expect((await call('GET', `${org}?include_deleted=true`)).body.volumes).toMatchObject([
      { id, app_name: 'demo', state: 'destroyed' },
    ])
  })

  test('the list has pages and a summary without sizes of files', async () => {
    const { call, volumes, disk } = await startFly()
    const made = [await disk(), await disk(), await disk()].map(({ id }) => String(id))
    const first = await call('GET', `${volumes}?limit=2&summary=true`)
    const cursor = first.headers.get('fly-next-cursor') ?? ''
    const second = await call('GET', `${volumes}?limit=2&cursor=${cursor}`)
    const rows = [...(first.body as Json[]), ...(second.body as Json[])]
    expect(rows.map(({ id }) => String(id)).toSorted()).toEqual(made.toSorted())
    expect(second.headers.get('fly-next-cursor')).toBe(null)
    expect(first.body[0]).not.toHaveProperty('bytes_used')
    expect(second.body[0]).toHaveProperty('bytes_used')
  })

  test('the delete of an app deletes its volumes', async () => {
    const { call, emulator, disk } = await startFly()
    await disk()
    await call('DELETE', '/v1/apps/demo')
    await eventually(() => emulator.volumes().length === 0)
  })

  test('volume actions of one app share the rate limit of the action', async () => {
    const { call, volumes } = await startFly({ rateLimits: true })
    const paths = ['vol_1', 'vol_2', 'vol_3', 'vol_4']
    const statuses = await Promise.all(
      paths.map(async (id) => (await call('GET', `${volumes}/${id}`)).status),
    )
    expect(statuses.toSorted((a, b) => a - b)).toEqual([404, 404, 404, 429])
  })
})

describe('placement', () => {
  const hosts = { perRegion: 2, memoryMb: 1024, volumeGb: 10 }

  test('volumes with one name are on different hosts unless the request allows one host', async () => {
    const { call, volumes, emulator, disk } = await startFly({ hosts })
    await disk()
    await disk()
    expect(await call('POST', volumes, { name: 'data', region: 'iad' })).toMatchObject({
      status: 400,
      body: { error: 'no capacity' },
    })
    await disk({ require_unique_zone: false })
    expect(new Set(emulator.volumes().map(({ host }) => host)).size).toBe(2)
  })

  test('a volume is refused when no host has the disk space, or the memory of its machine', async () => {
    const { call, volumes, disk } = await startFly({ hosts })
    const create = (body: Json) => call('POST', volumes, { name: 'more', region: 'iad', ...body })
    await disk({ name: 'one', size_gb: 8 })
    await disk({ name: 'two', size_gb: 8 })
    expect((await create({ size_gb: 3 })).status).toBe(400)
    expect((await create({ size_gb: 1, compute: { cpus: 1, memory_mb: 2048 } })).status).toBe(400)
    expect((await create({ size_gb: 1, compute: { cpus: 1, memory_mb: 1024 } })).status).toBe(200)
  })
})

describe('snapshots', () => {
  test('a snapshot has no id while it waits, no time while it runs, and then both', async () => {
    const { call, volumes, disk } = await startFly({ timings: { snapshotMs: 50 } })
    const { id } = await disk({ size_gb: 1, snapshot_retention: 7 })
    const list = async () => (await call('GET', `${volumes}/${id}/snapshots`)).body as unknown as Json[]
    expect((await call('POST', `${volumes}/${id}/snapshots`)).status).toBe(200)
    expect(await list()).toMatchObject([{ id: '', status: 'waiting' }])
    const second = await call('POST', `${volumes}/${id}/snapshots`)
    expect(second.status).toBe(412)
    expect(second.body.error).toMatch(/snapshot is already scheduled at 2/)
    await eventually(async () => (await list())[0]?.status === 'running')
    expect(await list()).toMatchObject([
      { id: expect.stringMatching(/^vs_/), created_at: '0001-01-01T00:00:00Z' },
    ])
    await eventually(async () => (await list())[0]?.status === 'created')
    expect(await list()).toMatchObject([
      { id: expect.stringMatching(/^vs_/), retention_days: 7, volume_size: 1024 ** 3 },
    ])
  })

  test('snapshots of a deleted volume can be restored until their retention is over', async () => {
    let now = Date.now()
    const { call, volumes, disk } = await startFly({ now: () => now })
    const { id } = await disk()
    const list = async () => (await call('GET', `${volumes}/${id}/snapshots`)).body as unknown as Json[]
    await call('POST', `${volumes}/${id}/snapshots`)
    await eventually(async () => (await list())[0]?.status === 'created')
    const snapshot = (await list())[0]?.id
    await call('DELETE', `${volumes}/${id}`)
    await eventually(async () => (await call('GET', `${volumes}/${id}`)).body.state === 'pending_destroy')
    now += 2 * DAY_MS
    expect((await call('GET', `${volumes}/${id}`)).status).toBe(404)
    expect(await list()).toHaveLength(1)
    expect((await disk({ snapshot_id: snapshot })).state).toBe('created')
    now += 4 * DAY_MS
    expect(await list()).toEqual([])
    expect((await call('POST', volumes, { name: 'late', snapshot_id: snapshot })).status).toBe(404)
  })

  test('a copy is not smaller than its source', async () => {
    const { call, volumes, disk } = await startFly()
    const { id } = await disk({ size_gb: 4 })
    const fork = { name: 'copy', region: 'iad', source_volume_id: id }
    expect((await call('POST', volumes, { ...fork, size_gb: 3 })).status).toBe(400)
    expect((await disk(fork)).size_gb).toBe(4)
  })

  test('a fork passes through enabling_remote_export and hydrating, on another host', async () => {
    const { call, volumes, volume, emulator, disk } = await startFly({ timings: { volumeMs: 40 } })
    const { id } = await disk()
    const fork = (await call('POST', volumes, { name: 'data', region: 'iad', source_volume_id: id })).body
    for (const state of ['enabling_remote_export', 'hydrating', 'created'])
      await eventually(async () => (await volume(fork.id)).state === state)
    const [from, to] = emulator.volumes()
    expect(to?.host).not.toBe(from?.host)
  })
})
