// What every backend must satisfy, whatever it runs machines on. A backend's own test hands in how to make one; nothing
// here knows Fly.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Observed, ProvisionError, type Provisioner } from '../lib/provisioner/provisioner.ts'
import { machineSpec, type MachineSpec } from '../lib/workspaces/machine-spec.ts'

export type ContractSubject = {
  provisioner: Provisioner
  /** An image that boots and answers on the agent's port. */
  image: string
  /** An image that nobody has. */
  missingImage: string
  /** Makes the next launch be carried out and its answer be lost. */
  loseNextLaunch(): void
  /** Makes the backend answer nothing but errors, until the returned function is called. */
  breakDown(): () => void
  close(): Promise<void>
}

export function describeProvisioner(name: string, open: () => Promise<ContractSubject>): void {
  describe(`${name} as a provisioner`, () => {
    let subject: ContractSubject
    let backend: Provisioner
    const plane = crypto.randomUUID()
    beforeAll(async () => {
      subject = await open()
      backend = subject.provisioner
    })
    afterAll(() => subject.close())

    const specOf = (
      over: { id?: string; generation?: number; image?: string; env?: Record<string, string> } = {},
    ): MachineSpec =>
      machineSpec({
        workspace: {
          id: over.id ?? crypto.randomUUID(),
          name: 'contract',
          role: null,
          runtime: 'langgraph',
          tier: 2,
          region: backend.regions[0] ?? '',
          model: null,
          parentId: null,
          env: over.env ?? {},
          config: {},
          generation: over.generation ?? 1,
        },
        image: over.image ?? subject.image,
        launchId: crypto.randomUUID(),
        controlPlane: plane,
        token: 'token',
        platformUrl: 'http://platform.test',
      })

    async function settled(spec: MachineSpec, machineId: string | null): Promise<Observed> {
      for (let tries = 0; tries < 100; tries++) {
        const observed = await backend.observe(spec.labels.workspaceId, machineId)
        if (observed.presence !== 'present' || observed.machine.phase !== 'busy') return observed
        await backend.settle(observed.machine.id, 1)
      }
      throw new Error('the machine never came to rest')
    }

    test('launches a machine that starts, in its region, with its labels, and answers at its endpoint only', async () => {
      const spec = specOf()
      const machine = await backend.launch(spec)
      expect(machine).toMatchObject({ labels: spec.labels, region: spec.region })
      expect(await settled(spec, machine.id)).toMatchObject({
        presence: 'present',
        machine: { phase: 'started', id: machine.id },
      })
      expect(backend.endpoint({ app: machine.app, machineId: machine.id }).url).toMatch(/^https?:/)
    })

    test('launches one machine for one name, however often it is asked', async () => {
      const spec = specOf()
      const first = await backend.launch(spec)
      const second = await backend.launch({
        ...spec,
        labels: { ...spec.labels, launchId: crypto.randomUUID() },
      })
      expect(second.id).toBe(first.id)
    })

    test('finds by its labels what was launched and never heard of again', async () => {
      const spec = specOf()
      subject.loseNextLaunch()
      await expect(backend.launch(spec)).rejects.toMatchObject({ applied: 'unknown' })
      const found = await settled(spec, null)
      expect(found).toMatchObject({ presence: 'present', machine: { labels: spec.labels } })
    })

    test('does not adopt a machine of the same name that belongs to another control plane', async () => {
      const spec = specOf()
      await backend.launch(spec)
      const rival = { ...spec, labels: { ...spec.labels, controlPlane: crypto.randomUUID() } }
      await expect(backend.launch(rival)).rejects.toMatchObject({
        problem: { code: 'name_taken', retryable: false },
      })
    })

    test('updates a machine in place, and it runs with the new spec', async () => {
      const spec = specOf()
      const machine = await backend.launch(spec)
      await settled(spec, machine.id)
      const newer = specOf({ id: spec.labels.workspaceId, generation: 2, env: { NEW: 'yes' } })
      const updated = await backend.update(machine.id, newer)
      expect(updated.id).toBe(machine.id)
      expect(await settled(newer, machine.id)).toMatchObject({
        machine: { phase: 'started', labels: { generation: 2 } },
      })
    })

    test('stops and starts', async () => {
      const spec = specOf()
      const { id } = await backend.launch(spec)
      await settled(spec, id)
      await backend.stop(id)
      expect(await settled(spec, id)).toMatchObject({ machine: { phase: 'stopped' } })
      await backend.start(id)
      expect(await settled(spec, id)).toMatchObject({ machine: { phase: 'started' } })
    })

    test('destroys from any state, and destroying what is gone is success', async () => {
      const spec = specOf()
      const { id } = await backend.launch(spec)
      await backend.destroy(id)
      for (let tries = 0; tries < 100; tries++) {
        const observed = await backend.observe(spec.labels.workspaceId, id)
        if (
          observed.presence === 'absent' ||
          (observed.presence === 'present' && observed.machine.phase === 'gone')
        )
          break
        await backend.settle(id, 1)
      }
      await backend.destroy(id)
      await backend.destroy('00000000000000')
      const again = await backend.launch(spec)
      expect(again.id).not.toBe(id)
    })

    test('says absent of what it never heard of', async () => {
      expect(await backend.observe(crypto.randomUUID(), null)).toEqual({ presence: 'absent' })
      expect(await backend.observe(crypto.randomUUID(), '00000000000000')).toEqual({ presence: 'absent' })
    })

    test('names an image that cannot be pulled, at launch or after it', async () => {
      const spec = specOf({ image: subject.missingImage })
      const outcome = await backend.launch(spec).then(
        (machine) => settled(spec, machine.id),
        (error: unknown) => error,
      )
      const unpullable =
        outcome instanceof ProvisionError
          ? outcome.problem.code === 'image_unpullable'
          : JSON.stringify(outcome).includes('"phase":"failed"') &&
            JSON.stringify(outcome).includes('pull image')
      expect(unpullable).toBe(true)
    })

    test('lists its fleet, and no other control plane’s', async () => {
      const spec = specOf()
      const { id } = await backend.launch(spec)
      await settled(spec, id)
      expect(await backend.fleet(plane)).toContainEqual(
        expect.objectContaining({ machineId: id, phase: 'started' }),
      )
      expect(await backend.fleet(crypto.randomUUID())).toEqual([])
    })

    test('says unknown, not absent, while the backend does not answer, and every other verb says why', async () => {
      const spec = specOf()
      const { id } = await backend.launch(spec)
      const repair = subject.breakDown()
      try {
        for (const machineId of [id, null]) {
          expect(await backend.observe(spec.labels.workspaceId, machineId)).toMatchObject({
            presence: 'unknown',
            problem: { retryable: true },
          })
        }
        for (const verb of [
          () => backend.start(id),
          () => backend.stop(id),
          () => backend.destroy(id),
          () => backend.update(id, spec),
          () => backend.fleet(plane),
        ]) {
          await expect(verb()).rejects.toBeInstanceOf(ProvisionError)
        }
        await backend.settle(id, 1)
      } finally {
        repair()
      }
    })
  })
}
