// Volumes and machines of the emulated Fly: mounts, what a program finds there, and which data outlives what.

import { describe, expect, test } from 'vitest'
import { createInProcessHost } from '../../lib/emulator/guests/in-process-host.ts'
import { createMemoryDisks } from '../../lib/emulator/guests/memory-disks.ts'
import { createMemoryStore } from '../../lib/emulator/store/memory-store.ts'
import { eventually, PROGRAMS, startFly, WEB_SERVICE } from '../support/emulator.ts'
import type { Fly, Json } from '../support/emulator.ts'

const NOTE = '/data/note'
const write = (fly: Fly, machine: string, text: string, path = NOTE) =>
  fly.ask(machine, `/write?path=${path}&text=${text}`)
const read = (fly: Fly, machine: string, path = NOTE) => fly.ask(machine, `/read?path=${path}`)

async function cycle(fly: Fly, id: string, down: string, state: string): Promise<void> {
  expect((await fly.call('POST', `${fly.machines}/${id}/${down}`)).status).toBe(200)
  await fly.wait(id, state)
  expect((await fly.call('POST', `${fly.machines}/${id}/start`)).status).toBe(200)
  await fly.wait(id, 'started')
}

async function snapshotOf(fly: Fly, volume: string): Promise<string> {
  const list = async () =>
    (await fly.call('GET', `${fly.volumes}/${volume}/snapshots`)).body as unknown as Json[]
  await fly.call('POST', `${fly.volumes}/${volume}/snapshots`)
  await eventually(async () => (await list())[0]?.status === 'created')
  return String((await list())[0]?.id)
}

describe('a mounted volume', () => {
  test('a machine shows its mount with the name and size of the volume, and the volume its machine', async () => {
    const { disk, withDisk, get, volume } = await startFly()
    const { id } = await disk({ size_gb: 1 })
    const machine = await withDisk(id)
    expect((await get(machine.id)).config.mounts).toEqual([
      { volume: id, path: '/data', name: 'data', size_gb: 1, encrypted: true },
    ])
    expect((await volume(id)).attached_machine_id).toBe(machine.id)
  })

  test('a stop keeps the volume and resets the root filesystem; a suspend keeps both', async () => {
    const fly = await startFly()
    const machine = await fly.withDisk((await fly.disk()).id)
    await write(fly, machine.id, 'kept')
    await write(fly, machine.id, 'lost', '/root/note')
    await cycle(fly, machine.id, 'suspend', 'suspended')
    expect([await read(fly, machine.id), await read(fly, machine.id, '/root/note')]).toEqual(['kept', 'lost'])
    await cycle(fly, machine.id, 'stop', 'stopped')
    expect([await read(fly, machine.id), await read(fly, machine.id, '/root/note')]).toEqual([
      'kept',
      'nothing',
    ])
  })

  test('a volume outlives its machine and goes to the next one', async () => {
    const fly = await startFly()
    const { id } = await fly.disk()
    const first = await fly.withDisk(id)
    await write(fly, first.id, 'kept')
    await fly.call('DELETE', `${fly.machines}/${first.id}?force=true`)
    await fly.wait(first.id, 'destroyed')
    expect((await fly.volume(id)).attached_machine_id).toBe(null)
    const second = await fly.withDisk(id)
    expect(await read(fly, second.id)).toBe('kept')
    expect((await fly.volume(id)).bytes_used).toBe(4)
  })

  test('one volume is given to one machine, even by simultaneous creates', async () => {
    const { call, machines, disk, volume } = await startFly()
    const { id } = await disk()
    const body = { region: 'iad', config: { image: 'web', mounts: [{ volume: id, path: '/data' }] } }
    const replies = await Promise.all([1, 2].map(() => call('POST', machines, body)))
    const [made, refused] = replies.toSorted((a, b) => a.status - b.status)
    expect([made?.status, refused?.status]).toEqual([200, 412])
    expect(refused?.body.error).toBe(
      `failed_precondition: volume already claimed by machine ${made?.body.id}`,
    )
    expect((await volume(id)).attached_machine_id).toBe(made?.body.id)
  })

  test('a volume cannot be deleted while a machine has it, stopped or not', async () => {
    const { call, volumes, machines, wait, disk, withDisk } = await startFly()
    const { id } = await disk()
    const machine = await withDisk(id)
    await call('POST', `${machines}/${machine.id}/stop`)
    await wait(machine.id, 'stopped')
    expect(await call('DELETE', `${volumes}/${id}`)).toMatchObject({
      status: 412,
      body: { error: `failed_precondition: volume is currently bound to machine: ${machine.id}` },
    })
  })

  test('a machine must be in the region of its volume', async () => {
    const { call, machines, disk } = await startFly()
    const { id } = await disk({ region: 'fra' })
    const create = (region?: string) =>
      call('POST', machines, { region, config: { image: 'web', mounts: [{ volume: id, path: '/data' }] } })
    expect(await create('ams')).toMatchObject({
      status: 400,
      body: { error: `Mounts source volume "${id}" is in the wrong region ("fra" != "ams")` },
    })
    // Without a region Fly takes the nearest one, and reports that the volume has no room there.
    expect((await create()).body.error).toMatch(
      /insufficient resources to create new machine with existing volume/,
    )
    expect((await create('eu')).body.region).toBe('fra')
  })

  test.each([
    [[{ path: '/data' }], 400],
    [[{ volume: 'vol_1', path: 'data' }], 400],
    [
      [
        { volume: 'vol_1', path: '/a' },
        { volume: 'vol_2', path: '/b' },
      ],
      400,
    ],
    [[{ volume: 'vol_unknown', path: '/data' }], 404],
  ])('create refuses the mounts %j with %i', async (mounts, status) => {
    const { call, machines } = await startFly()
    expect((await call('POST', machines, { config: { image: 'web', mounts } })).status).toBe(status)
  })

  test('an update with the same mount keeps the data, with another volume is refused, without one detaches', async () => {
    const fly = await startFly()
    const { id } = await fly.disk()
    const other = await fly.disk()
    const machine = await fly.withDisk(id)
    await write(fly, machine.id, 'kept')
    const update = (mounts?: Json[]) =>
      fly.call('POST', `${fly.machines}/${machine.id}`, {
        config: { image: 'web:2', services: [WEB_SERVICE], ...(mounts === undefined ? {} : { mounts }) },
      })
    expect((await update([{ volume: other.id, path: '/data' }])).status).toBe(400)
    expect((await update([{ volume: id, path: '/data' }])).status).toBe(200)
    await fly.wait(machine.id, 'started')
    expect(await read(fly, machine.id)).toBe('kept')
    await update()
    await fly.wait(machine.id, 'started')
    expect((await fly.volume(id)).attached_machine_id).toBe(null)
    expect(await read(fly, machine.id)).toBe('nothing')
  })
})

describe('copies', () => {
  test('a fork has the data of its source, and then both differ', async () => {
    const fly = await startFly()
    const { id } = await fly.disk()
    const source = await fly.withDisk(id)
    await write(fly, source.id, 'shared')
    const fork = await fly.withDisk((await fly.disk({ source_volume_id: id })).id)
    expect(await read(fly, fork.id)).toBe('shared')
    await write(fly, source.id, 'one')
    await write(fly, fork.id, 'two')
    expect([await read(fly, source.id), await read(fly, fork.id)]).toEqual(['one', 'two'])
  })

  test('a snapshot has the data of its time, and is restored in any region', async () => {
    const fly = await startFly()
    const { id } = await fly.disk()
    const machine = await fly.withDisk(id)
    await write(fly, machine.id, 'before')
    const snapshot = await snapshotOf(fly, id)
    await write(fly, machine.id, 'after')
    const restored = await fly.disk({ snapshot_id: snapshot, region: 'fra' })
    const other = await fly.withDisk(restored.id, {}, { region: 'fra' })
    expect(await read(fly, other.id)).toBe('before')
  })

  test('a volume that is being restored cannot be mounted yet', async () => {
    const fly = await startFly({ timings: { volumeMs: 60 } })
    const snapshot = await snapshotOf(fly, (await fly.disk()).id)
    const made = (await fly.call('POST', fly.volumes, { name: 'copy', region: 'iad', snapshot_id: snapshot }))
      .body
    const body = { region: 'iad', config: { image: 'web', mounts: [{ volume: made.id, path: '/data' }] } }
    expect(await fly.call('POST', fly.machines, body)).toMatchObject({
      status: 412,
      body: { error: `failed_precondition: volume ${made.id} is not ready, currently restoring` },
    })
  })
})

describe('the root filesystem', () => {
  const rootAfter = async (
    persist: string,
    act: (fly: Fly, id: string) => Promise<void>,
  ): Promise<string> => {
    const fly = await startFly()
    const machine = await fly.started({ services: [WEB_SERVICE], rootfs: { persist } })
    await write(fly, machine.id, 'kept', '/note')
    await act(fly, machine.id)
    return read(fly, machine.id, '/note')
  }
  const stop = (fly: Fly, id: string) => cycle(fly, id, 'stop', 'stopped')
  const update = (persist: string) => async (fly: Fly, id: string) => {
    const config = { image: 'web:2', services: [WEB_SERVICE], rootfs: { persist } }
    await fly.call('POST', `${fly.machines}/${id}`, { config })
    await fly.wait(id, 'started')
  }

  test('a root filesystem with persist never is reset by a restart and by an update', async () => {
    expect(await rootAfter('never', stop)).toBe('nothing')
    expect(await rootAfter('never', update('never'))).toBe('nothing')
  })

  test('a root filesystem with persist restart is kept by a restart and reset by an update', async () => {
    expect(await rootAfter('restart', stop)).toBe('kept')
    expect(await rootAfter('restart', update('restart'))).toBe('nothing')
  })

  test('a root filesystem with persist always is kept by a restart and by an update', async () => {
    expect(await rootAfter('always', stop)).toBe('kept')
    expect(await rootAfter('always', update('always'))).toBe('kept')
  })
})

describe('a restart of the emulator', () => {
  test('volumes, their snapshots and who has them outlive it', async () => {
    const [store, disks] = [createMemoryStore(), createMemoryDisks()]
    const start = () => startFly({ store, host: createInProcessHost({ programs: PROGRAMS, disks }) })
    const before = await start()
    const { id } = await before.disk()
    const machine = await before.withDisk(id)
    await write(before, machine.id, 'kept')
    const snapshot = await snapshotOf(before, id)
    await before.emulator.close()

    const after = await start()
    await after.wait(machine.id, 'started')
    expect(await read(after, machine.id)).toBe('kept')
    expect((await after.volume(id)).attached_machine_id).toBe(machine.id)
    expect((await after.disk({ snapshot_id: snapshot })).state).toBe('created')
  })

  test('a copy that it interrupted is made again', async () => {
    const [store, disks] = [createMemoryStore(), createMemoryDisks()]
    const start = (volumeMs: number) =>
      startFly({ store, host: createInProcessHost({ programs: PROGRAMS, disks }), timings: { volumeMs } })
    const before = await start(5)
    const { id } = await before.disk()
    await before.emulator.close()
    const slow = await start(10_000)
    const fork = (await slow.call('POST', slow.volumes, { name: 'copy', source_volume_id: id })).body
    await slow.emulator.close()
    const after = await start(5)
    await eventually(async () => (await after.volume(fork.id)).state === 'created')
  })
})
