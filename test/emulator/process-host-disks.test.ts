// What a guest process finds on its disk: the volume at its mount, and a root filesystem that lasts as long as it should.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Guest } from '../../lib/emulator/guests/host.ts'
import { createDiskFolders } from '../../lib/emulator/node/disk-folders.ts'
import { createFileStore } from '../../lib/emulator/node/file-store.ts'
import { createProcessHost } from '../../lib/emulator/node/process-host.ts'
import { eventually, startFly } from '../support/emulator.ts'
import { get, textOf, useProcessHost } from '../support/guest-processes.ts'

const { folder, module, disks, discardRoot, start } = useProcessHost({ keepsDisks: true })

const write = (guest: Guest, path: string, text: string) => textOf(guest, `/write?path=${path}&text=${text}`)
const read = async (guest: Guest, path: string) => (await get(guest, `/file?path=${path}`)).json()

async function end(guest: Guest): Promise<void> {
  guest.kill()
  await guest.exited
}

test('two guests, one after the other, find the files of their volume, also as children of a shell', async () => {
  await disks().create('vol_one')
  const mount = { volume: 'vol_one', path: '/workspace' }
  const first = await start('web', { mount })
  await write(first, '/workspace/deep/note', 'kept')
  await write(first, '/elsewhere', 'lost')
  expect(await textOf(first, '/shell?command=cat%20workspace/deep/note')).toBe('kept')
  await end(first)
  const second = await start('web', { mount })
  expect(await read(second, '/workspace/deep/note')).toBe('kept')
  expect(await read(second, '/elsewhere')).toBe(null)
  expect(await disks().usedBytes('vol_one')).toBe(4)
})

test('a root filesystem that is kept is found by the next boot, until it is discarded', async () => {
  const spec = { machineId: 'm-kept', keepsRoot: true }
  const first = await start('web', spec)
  await write(first, '/note', 'kept')
  await end(first)
  const second = await start('web', spec)
  expect(await read(second, '/note')).toBe('kept')
  await end(second)
  discardRoot('m-kept')
  expect(await read(await start('web', spec), '/note')).toBe(null)
})

test('a copy of a disk has its files, and a snapshot those of its time', async () => {
  await disks().create('vol_source')
  const guest = await start('web', { mount: { volume: 'vol_source', path: '/data' } })
  await write(guest, '/data/note', 'before')
  await disks().takeSnapshot('vol_source', 'vs_one')
  await write(guest, '/data/note', 'after')
  await disks().create('vol_fork', { volume: 'vol_source' })
  await disks().create('vol_restored', { snapshot: 'vs_one' })
  const note = async (volume: string): Promise<unknown> =>
    read(await start('web', { mount: { volume, path: '/data' } }), '/data/note')
  expect([await note('vol_fork'), await note('vol_restored')]).toEqual(['after', 'before'])
  await disks().removeSnapshot('vs_one')
  await expect(disks().create('vol_late', { snapshot: 'vs_one' })).rejects.toThrow('ENOENT')
})

test('a disk is copied although its program replaces a file all the time', async () => {
  await disks().create('vol_busy')
  const guest = await start('web', { mount: { volume: 'vol_busy', path: '/data' } })
  await write(guest, '/data/note', '0')
  const writing = new AbortController()
  const writer = (async () => {
    for (let count = 0; !writing.signal.aborted; count++) await write(guest, '/data/note', String(count))
  })()
  for (const copy of ['vol_a', 'vol_b', 'vol_c', 'vol_d']) await disks().create(copy, { volume: 'vol_busy' })
  writing.abort()
  await writer
  expect(
    Number(readFileSync(join(folder, 'guests/disks/volumes/vol_d/note'), 'utf8')),
  ).toBeGreaterThanOrEqual(0)
})

test('a guest calls the API of its own machine through its host', async () => {
  const guest = await start('web')
  expect(await (await get(guest, '/fly')).json()).toEqual({ status: 200, body: 'POST /v1/x body' })
})

test('volumes of embedded mode outlive the server: its records, and the files in the disks folder', async () => {
  const home = mkdtempSync(join(tmpdir(), 'embedded-'))
  onTestFinished(() => rmSync(home, { recursive: true }))
  const disksDirectory = join(home, 'disks')
  const serve = () =>
    startFly({
      store: createFileStore(home),
      host: createProcessHost({ images: module, directory: join(folder, 'embedded'), disksDirectory }),
    })
  const services = [{ internal_port: 8000, ports: [{ port: 443, handlers: ['tls', 'http'] }] }]
  const before = await serve()
  const { id } = await before.disk()
  const mounts = [{ volume: id, path: '/workspace' }]
  const machine = await before.started({ image: 'web', services, mounts })
  await eventually(
    async () => (await before.ask(machine.id, '/write?path=/workspace/note&text=kept')) === 'written',
  )
  expect(readFileSync(join(createDiskFolders(disksDirectory).folderOf(id), 'note'), 'utf8')).toBe('kept')
  await before.emulator.close()

  const after = await serve()
  await eventually(async () => (await after.ask(machine.id, '/file?path=/workspace/note')) === '"kept"')
  expect((await after.volume(id)).attached_machine_id).toBe(machine.id)
})
