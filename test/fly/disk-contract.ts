// The part of the contract of every provisioner that is about disks; nothing here depends on Fly.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DiskInput, ProviderDisk } from '../../lib/provisioner/disks.ts'
import { ProvisionError, type Provisioner } from '../../lib/provisioner/provisioner.ts'

export type DiskContractSubject = {
  provisioner: Provisioner
  /** Loses the answer of the next create of a disk, which is carried out. */
  loseNextDisk(): void
  /** Makes every answer an error until the returned function is called. */
  breakDown(): () => void
  close(): Promise<void>
}

export function describeDisks(name: string, open: () => Promise<DiskContractSubject>): void {
  describe(`the disks of ${name}`, () => {
    let subject: DiskContractSubject
    let backend: Provisioner
    let app = ''
    let made = 0
    beforeAll(async () => {
      subject = await open()
      backend = subject.provisioner
      app = backend.apps[0]
    })
    afterAll(() => subject.close())

    const input = (over: Partial<DiskInput> = {}): DiskInput => ({
      name: `ws_contract_${made++}`,
      region: backend.regions[0] ?? '',
      sizeGb: 1,
      fits: { cpus: 1, memoryMb: 512 },
      ...over,
    })
    const refOf = ({ id }: ProviderDisk) => ({ app, id })

    async function ready(disk: ProviderDisk): Promise<ProviderDisk> {
      for (let tries = 0; tries < 200; tries++) {
        const observed = await backend.observeDisk(refOf(disk))
        if (observed.presence === 'present' && observed.disk.phase === 'ready') return observed.disk
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      throw new Error('the disk never became ready')
    }
    const create = async (over: Partial<DiskInput> = {}) => ready(await backend.createDisk(app, input(over)))

    test('a created disk has its name, region and size, is found by its name, and belongs to no machine', async () => {
      const disk = await create({ name: 'ws_contract_named', sizeGb: 2 })
      expect(disk).toMatchObject({ region: backend.regions[0], sizeGb: 2, attachedTo: undefined })
      expect(await backend.findDisk(app, 'ws_contract_named')).toMatchObject({
        presence: 'present',
        disk: { id: disk.id },
      })
      expect(await backend.listDisks(app)).toContainEqual(expect.objectContaining({ id: disk.id }))
    })

    test('a disk whose create was not answered is found by its name', async () => {
      subject.loseNextDisk()
      const lost = input()
      await expect(backend.createDisk(app, lost)).rejects.toMatchObject({ applied: 'unknown' })
      expect(await backend.findDisk(app, lost.name)).toMatchObject({ presence: 'present' })
    })

    test('an unknown disk is absent, by name and by id', async () => {
      expect(await backend.findDisk(app, 'ws_contract_never')).toEqual({ presence: 'absent' })
      expect(await backend.observeDisk({ app, id: 'vol_never' })).toEqual({ presence: 'absent' })
    })

    test('a disk grows, and growing it again to the same size succeeds', async () => {
      const disk = await create()
      await backend.growDisk(refOf(disk), 3)
      await backend.growDisk(refOf(disk), 3)
      expect(await ready(disk)).toMatchObject({ sizeGb: 3 })
    })

    test('a deleted disk is gone, and deleting it again succeeds', async () => {
      const disk = await create()
      await backend.deleteDisk(refOf(disk))
      const observed = await backend.observeDisk(refOf(disk))
      expect(
        observed.presence === 'absent' || (observed.presence === 'present' && observed.disk.phase === 'gone'),
      ).toBe(true)
      await backend.deleteDisk(refOf(disk))
      expect(await backend.deleteDisk({ app, id: 'vol_never' })).toEqual({ gone: true })
    })

    test('a disk can be copied directly, and by a snapshot to another region', async () => {
      const disk = await create()
      const copy = await create({ source: { disk: disk.id } })
      expect(copy.id).not.toBe(disk.id)
      await backend.takeSnapshot(refOf(disk))
      let [snapshot] = await backend.listSnapshots(refOf(disk))
      for (let tries = 0; tries < 200 && snapshot?.isUsable !== true; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 10))
        ;[snapshot] = await backend.listSnapshots(refOf(disk))
      }
      expect(snapshot?.isUsable).toBe(true)
      const region = backend.regions[1] ?? ''
      const restored = await create({ region, source: { snapshot: snapshot?.id ?? '' } })
      expect(restored).toMatchObject({ region })
    })

    test('a backend that does not answer makes a disk unknown, not absent, and other calls say why', async () => {
      const disk = await create()
      const repair = subject.breakDown()
      try {
        expect(await backend.observeDisk(refOf(disk))).toMatchObject({ presence: 'unknown' })
        expect(await backend.findDisk(app, disk.name)).toMatchObject({ presence: 'unknown' })
        await expect(backend.createDisk(app, input())).rejects.toBeInstanceOf(ProvisionError)
        await expect(backend.deleteDisk(refOf(disk))).rejects.toBeInstanceOf(ProvisionError)
      } finally {
        repair()
      }
    })
  })
}
