// Faults of volumes: a lost reply, a full or unreachable host, slow copies, claims that stay, and lists that lag.

import { expect, test } from 'vitest'
import { ConnectionLost } from '../../lib/emulator/shared/connection-lost.ts'
import { eventually, pause, startFly } from '../support/emulator.ts'
import type { Json } from '../support/emulator.ts'

const mount = (volume: string) => ({
  region: 'iad',
  config: { image: 'web', mounts: [{ volume, path: '/data' }] },
})

test('a create whose reply is lost has made a volume, and a second create makes another', async () => {
  const { emulator, call, volumes } = await startFly()
  emulator.faults.add({ kind: 'lose-reply', action: 'volume.create', times: 1 })
  await expect(call('POST', volumes, { name: 'data' })).rejects.toThrow(ConnectionLost)
  await call('POST', volumes, { name: 'data' })
  expect((await call('GET', volumes)).body).toHaveLength(2)
})

test('a region without room for volumes answers 400 to the create of a volume only', async () => {
  const { emulator, call, volumes, create } = await startFly()
  emulator.faults.add({ kind: 'capacity', as: 'new-volume', region: 'iad' })
  expect(await call('POST', volumes, { name: 'data', region: 'iad' })).toMatchObject({
    status: 400,
    body: { error: 'no capacity' },
  })
  expect((await call('POST', volumes, { name: 'data', region: 'fra' })).status).toBe(200)
  expect((await create({}, { region: 'iad' })).state).toBe('created')
})

test('a capacity fault of a volume refuses machines with it, and not machines without', async () => {
  const { emulator, call, machines, create, disk } = await startFly()
  const [one, two] = [await disk(), await disk()]
  emulator.faults.add({ kind: 'capacity', as: 'volume', volume: one.id })
  expect(await call('POST', machines, mount(one.id))).toMatchObject({
    status: 412,
    body: {
      error: `insufficient resources to create new machine with existing volume '${one.id}'`,
      status: 'volume_placement_capacity',
    },
  })
  expect((await call('POST', machines, mount(two.id))).status).toBe(200)
  expect((await create()).state).toBe('created')
})

test('a full host refuses a create and a start with its volume, and a fork is placed elsewhere', async () => {
  const { emulator, call, machines, wait, disk, withDisk } = await startFly()
  const [used, free] = [
    await disk({ require_unique_zone: false }),
    await disk({ require_unique_zone: false }),
  ]
  const machine = await withDisk(used.id)
  await call('POST', `${machines}/${machine.id}/stop`)
  await wait(machine.id, 'stopped')
  const fault = emulator.faults.add({ kind: 'host-full', volume: used.id })
  emulator.faults.add({ kind: 'host-full', volume: free.id })
  expect((await call('POST', `${machines}/${machine.id}/start`)).status).toBe(409)
  expect((await call('POST', machines, mount(free.id))).status).toBe(412)
  const fork = await disk({ source_volume_id: used.id })
  expect((await call('POST', machines, mount(fork.id))).status).toBe(200)
  emulator.faults.remove(fault)
  expect((await call('POST', `${machines}/${machine.id}/start`)).status).toBe(200)
})

test('a small host is full when its machines run, and has room again when one stops', async () => {
  const { call, machines, wait, started } = await startFly({
    hosts: { perRegion: 1, memoryMb: 512, volumeGb: 10 },
  })
  const [one, two] = [await started(), await started()]
  const third = await call('POST', machines, { config: { image: 'web' } })
  expect(third).toMatchObject({ status: 422, body: { status: 'insufficient_capacity' } })
  await call('POST', `${machines}/${one.id}/stop`)
  await wait(one.id, 'stopped')
  expect((await call('POST', machines, { config: { image: 'web' } })).status).toBe(200)
  expect((await call('POST', `${machines}/${one.id}/start`)).status).toBe(409)
  expect(
    (await call('POST', `${machines}/${two.id}`, { config: { image: 'web', guest: { memory_mb: 512 } } }))
      .status,
  ).toBe(409)
})

test('an unreachable host takes its volume along: it is shown, but not written, forked or mounted', async () => {
  const { emulator, call, volumes, volume, machines, get, disk, withDisk } = await startFly()
  const { id } = await disk()
  const machine = await withDisk(id)
  const fault = emulator.faults.add({ kind: 'host-unreachable', volume: id })
  expect((await volume(id)).host_status).toBe('unreachable')
  expect((await get(machine.id)).host_status).toBe('unreachable')
  expect((await call('DELETE', `${volumes}/${id}`)).status).toBe(408)
  expect((await call('POST', `${volumes}/${id}/snapshots`)).status).toBe(408)
  expect((await call('POST', volumes, { name: 'copy', region: 'iad', source_volume_id: id })).status).toBe(
    412,
  )
  expect((await call('POST', machines, { ...mount((await disk()).id) })).status).toBe(200)
  emulator.faults.remove(fault)
  expect((await volume(id)).host_status).toBe('ok')
})

test('an unreachable machine has an unreachable volume, and other machines of its host do not', async () => {
  const { emulator, volume, disk, withDisk } = await startFly()
  const [one, two] = [await disk({ require_unique_zone: false }), await disk({ require_unique_zone: false })]
  const machine = await withDisk(one.id)
  emulator.faults.add({ kind: 'host-unreachable', machine: machine.id })
  expect((await volume(one.id)).host_status).toBe('unreachable')
  expect((await volume(two.id)).host_status).toBe('ok')
})

test('a claim that stays refuses the next machine, and a delete waits for its end', async () => {
  const { emulator, call, machines, wait, volumes, volume, disk, withDisk } = await startFly()
  emulator.faults.add({ kind: 'late-detach', ms: 80 })
  const [kept, deleted] = [await disk(), await disk()]
  for (const { id } of [kept, deleted]) {
    const machine = await withDisk(id)
    await call('DELETE', `${machines}/${machine.id}?force=true`)
    await wait(machine.id, 'destroyed')
  }
  expect((await call('POST', machines, mount(deleted.id))).body.error).toMatch(/volume already claimed/)
  expect((await call('DELETE', `${volumes}/${deleted.id}`)).body.state).toBe('waiting_for_detach')
  await eventually(async () => (await volume(deleted.id)).state === 'pending_destroy')
  await eventually(async () => (await volume(kept.id)).attached_machine_id === null)
  expect((await call('POST', machines, mount(kept.id))).status).toBe(200)
})

test('slow volumes and snapshots stay longer in their first states', async () => {
  const { emulator, call, volumes, volume, disk } = await startFly()
  const { id } = await disk()
  emulator.faults.add({ kind: 'slow-volume', ms: 10_000 })
  emulator.faults.add({ kind: 'slow-snapshot', ms: 10_000 })
  const slow = (await call('POST', volumes, { name: 'slow' })).body
  await call('POST', `${volumes}/${id}/snapshots`)
  await pause(60)
  expect((await volume(slow.id)).state).toBe('creating')
  expect((await call('GET', `${volumes}/${id}/snapshots`)).body).toMatchObject([{ status: 'waiting' }])
})

test('lists that lag miss a new volume, and show a deleted one as created', async () => {
  let now = Date.now()
  const { emulator, call, volumes, volume } = await startFly({ now: () => now })
  const { id } = (await call('POST', volumes, { name: 'data' })).body
  await eventually(async () => (await volume(id)).state === 'created')
  emulator.faults.add({ kind: 'stale-volumes', ms: 5000 })
  const list = async () => (await call('GET', volumes)).body as unknown as Json[]
  expect(await list()).toEqual([])
  now += 6000
  expect(await list()).toMatchObject([{ id, state: 'created' }])
  await call('DELETE', `${volumes}/${id}`)
  await eventually(async () => (await volume(id)).state === 'pending_destroy')
  expect(await list()).toMatchObject([{ id, state: 'created' }])
  now += 6000
  expect(await list()).toMatchObject([{ id, state: 'pending_destroy' }])
})

test('an extension needs a restart with the fault of that name, while a machine has the volume', async () => {
  const { emulator, call, volumes, disk, withDisk } = await startFly()
  const { id } = await disk({ size_gb: 1 })
  await withDisk(id)
  emulator.faults.add({ kind: 'extend-needs-restart', volume: id })
  const reply = await call('PUT', `${volumes}/${id}/extend`, { size_gb: 2 })
  expect(reply.body.needs_restart).toBe(true)
})

test('the admin API shows the host of each volume, and refuses a fault of an unknown one', async () => {
  const { emulator, call, disk } = await startFly()
  const { id } = await disk()
  expect((await call('GET', '/_emulator/volumes')).body.volumes).toMatchObject([{ id, host: 'iad-1' }])
  expect((await call('POST', '/_emulator/faults', { kind: 'host-full', volume: 'vol_x' })).status).toBe(404)
  expect(emulator.faults.list()).toEqual([])
})
