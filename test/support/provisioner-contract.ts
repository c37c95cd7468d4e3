// The contract of every provisioner. The test of a provisioner passes a function that creates one; nothing here depends on
// Fly. `more` adds tests of one provider alone, while its subject is open.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type MachineRef,
  type Observed,
  ProvisionError,
  type Provisioner,
} from '../../lib/provisioner/provisioner.ts'
import { machineSpec, type MachineSpec } from '../../lib/machines/machine-spec.ts'

export type ContractSubject = {
  provisioner: Provisioner
  /** An image that boots and answers on the agent's port. */
  image: string
  /** An image that does not exist. */
  missingImage: string
  /** Loses the answer of the next launch, which is carried out. */
  loseNextLaunch(): void
  /** Makes every answer an error until the returned function is called. */
  breakDown(): () => void
  /** The environment of the last boot of a workspace's agent. */
  environmentOf(workspaceId: string): Promise<Record<string, string>>
  /** Everything that the backend shows in a list of machines. */
  listing(): Promise<string>
  close(): Promise<void>
}

export function describeProvisioner(open: () => Promise<ContractSubject>, more = () => {}): void {
  describe('as a provisioner', () => {
    let subject: ContractSubject
    let backend: Provisioner
    const controlPlane = crypto.randomUUID()
    const refOf = (machineId: string) => ({ app: backend.apps[0], machineId })
    beforeAll(async () => {
      subject = await open()
      backend = subject.provisioner
      // Where Docker must be installed first, this takes minutes.
    }, 300_000)
    afterAll(() => subject?.close())

    const launch = async (spec: MachineSpec) =>
      backend.launch(backend.apps[0], spec, await backend.deliverSecrets(backend.apps[0], spec))
    const update = async (machine: MachineRef, spec: MachineSpec) =>
      backend.update(machine, spec, await backend.deliverSecrets(machine.app, spec))

    const specOf = async (
      over: {
        id?: string
        generation?: number
        image?: string
        env?: Record<string, string>
        secrets?: Record<string, string>
      } = {},
    ): Promise<MachineSpec> =>
      machineSpec({
        port: await backend.agentPort(),
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
        callerFiles: {},
        image: over.image ?? subject.image,
        launchId: crypto.randomUUID(),
        controlPlane,
        secrets: over.secrets ?? {},
        token: 'the-token-of-the-agent',
        inboundSecret: 'the-inbound-secret',
        platformUrl: 'http://platform.test',
      })

    async function observeAtRest(spec: MachineSpec, machineId: string | null): Promise<Observed> {
      for (let tries = 0; tries < 100; tries++) {
        const observed = await backend.observe(spec.labels.workspaceId, backend.apps[0], machineId)
        if (observed.presence !== 'present' || observed.machine.phase !== 'busy') return observed
        await backend.waitUntilSettled(refOf(observed.machine.id), 1)
      }
      throw new Error('the machine never came to rest')
    }

    async function launchAtRest(over?: Parameters<typeof specOf>[0]) {
      const spec = await specOf(over)
      const { id } = await launch(spec)
      await observeAtRest(spec, id)
      return { id, spec }
    }

    test('a launched machine starts in its region with its labels and answers at its endpoint only', async () => {
      const spec = await specOf()
      const machine = await launch(spec)
      expect(machine).toMatchObject({ labels: spec.labels, region: spec.region })
      expect(await observeAtRest(spec, machine.id)).toMatchObject({
        presence: 'present',
        machine: { phase: 'started', id: machine.id },
      })
      const { url } = await backend.endpoint({ app: machine.app, machineId: machine.id })
      expect(url).toMatch(/^https?:/)
    })

    test('repeated launches of one name create one machine', async () => {
      const spec = await specOf()
      const first = await launch(spec)
      const second = await launch({
        ...spec,
        labels: { ...spec.labels, launchId: crypto.randomUUID() },
      })
      expect(second.id).toBe(first.id)
    })

    test('a machine whose launch was not answered is found by its labels', async () => {
      const spec = await specOf()
      subject.loseNextLaunch()
      await expect(launch(spec)).rejects.toMatchObject({ applied: 'unknown' })
      const found = await observeAtRest(spec, null)
      expect(found).toMatchObject({ presence: 'present', machine: { labels: spec.labels } })
    })

    test('a machine of the same name of another control plane is not adopted', async () => {
      const spec = await specOf()
      await launch(spec)
      const foreign = { ...spec, labels: { ...spec.labels, controlPlane: crypto.randomUUID() } }
      await expect(launch(foreign)).rejects.toMatchObject({
        problem: { code: 'name_taken', retryable: false },
      })
    })

    test('an update in place runs the machine with the new specification', async () => {
      const { id, spec } = await launchAtRest()
      const newer = await specOf({ id: spec.labels.workspaceId, generation: 2, env: { NEW: 'yes' } })
      const updated = await update(refOf(id), newer)
      expect(updated.id).toBe(id)
      expect(await observeAtRest(newer, id)).toMatchObject({
        machine: { phase: 'started', labels: { generation: 2 } },
      })
    })

    test('listing shows no secret value, and each machine gets its own secrets only', async () => {
      const one = await specOf({ secrets: { ONE: 'only-one-has-it', KEY: 'value-of-one' } })
      const two = await specOf({ secrets: { TWO: 'only-two-has-it', KEY: 'value-of-two' } })
      const first = await launch(one)
      await observeAtRest(one, first.id)
      const second = await launch(two)
      await observeAtRest(two, second.id)
      // The secrets of the second machine must not replace those of the first at its next boot.
      await backend.stop(refOf(first.id))
      await observeAtRest(one, first.id)
      await backend.start(refOf(first.id))
      expect(await observeAtRest(one, first.id)).toMatchObject({ machine: { phase: 'started' } })
      expect(await subject.environmentOf(one.labels.workspaceId)).toMatchObject(one.secrets)
      expect(await subject.environmentOf(one.labels.workspaceId)).not.toHaveProperty('TWO')
      expect(await subject.environmentOf(two.labels.workspaceId)).toMatchObject(two.secrets)
      expect(await subject.environmentOf(two.labels.workspaceId)).not.toHaveProperty('ONE')
      const listing = await subject.listing()
      expect(listing).toContain(one.labels.workspaceId)
      for (const { secrets, secretFiles } of [one, two]) {
        for (const value of [...Object.values(secrets), ...Object.values(secretFiles)]) {
          expect(listing).not.toContain(value)
          expect(listing).not.toContain(btoa(value))
        }
      }
    })

    test('an update delivers the changed value of a secret', async () => {
      const { id, spec } = await launchAtRest({ secrets: { KEY: 'old' } })
      const { workspaceId } = spec.labels
      const newer = await specOf({ id: workspaceId, generation: 2, secrets: { KEY: 'new' } })
      expect(await subject.environmentOf(workspaceId)).toMatchObject({ KEY: 'old' })
      await update(refOf(id), newer)
      await observeAtRest(newer, id)
      expect(await subject.environmentOf(workspaceId)).toMatchObject({ KEY: 'new' })
    })

    test('a machine stops and starts', async () => {
      const { id, spec } = await launchAtRest()
      // Docker's init, which has just begun, may not heed a signal yet: the stop would take until its time limit.
      await subject.environmentOf(spec.labels.workspaceId)
      await backend.stop(refOf(id))
      expect(await observeAtRest(spec, id)).toMatchObject({ machine: { phase: 'stopped' } })
      await backend.start(refOf(id))
      expect(await observeAtRest(spec, id)).toMatchObject({ machine: { phase: 'started' } })
    })

    test('a machine suspends, or stops if memory cannot be kept, and starts again', async () => {
      const { id, spec } = await launchAtRest()
      await backend.suspend(refOf(id))
      const suspended = await observeAtRest(spec, id)
      expect(
        suspended.presence === 'present' && ['suspended', 'stopped'].includes(suspended.machine.phase),
      ).toBe(true)
      await backend.start(refOf(id))
      expect(await observeAtRest(spec, id)).toMatchObject({ machine: { phase: 'started' } })
    })

    test('a machine is destroyed in any state, and destroying a missing one succeeds', async () => {
      const spec = await specOf()
      const { id } = await launch(spec)
      await backend.destroy(refOf(id))
      await expect
        .poll(async () => {
          const observed = await backend.observe(spec.labels.workspaceId, backend.apps[0], id)
          return observed.presence === 'present' ? observed.machine.phase : observed.presence
        })
        .toMatch(/^(absent|gone)$/)
      await backend.destroy(refOf(id))
      await backend.destroy(refOf('00000000000000'))
      const again = await launch(spec)
      expect(again.id).not.toBe(id)
    })

    test('an unknown machine is absent', async () => {
      expect(await backend.observe(crypto.randomUUID(), backend.apps[0], null)).toEqual({
        presence: 'absent',
      })
      expect(await backend.observe(crypto.randomUUID(), backend.apps[0], '00000000000000')).toEqual({
        presence: 'absent',
      })
    })

    test('an image that cannot be pulled is named, at launch or after it', async () => {
      const spec = await specOf({ image: subject.missingImage })
      const outcome = await launch(spec).then(
        (machine) => observeAtRest(spec, machine.id),
        (error: unknown) => error,
      )
      const unpullable =
        outcome instanceof ProvisionError
          ? outcome.problem.code === 'image_unpullable'
          : JSON.stringify(outcome).includes('"phase":"failed"') &&
            JSON.stringify(outcome).includes('pull image')
      expect(unpullable).toBe(true)
    })

    test('the inventory marks machines of other control planes as foreign', async () => {
      const { id, spec } = await launchAtRest()
      expect(await backend.fleet(backend.apps[0], controlPlane)).toContainEqual(
        expect.objectContaining({ machineId: id, phase: 'started' }),
      )
      expect(await backend.fleet(backend.apps[0], crypto.randomUUID())).toEqual([])
      expect(await backend.inventory(backend.apps[0])).toContainEqual(
        expect.objectContaining({ id, name: spec.name, size: { cpus: spec.cpus, memoryMb: spec.memoryMb } }),
      )
    })

    test('a command has the environment of its machine, a failing one is a result, and the log is read on', async () => {
      const { id, spec } = await launchAtRest({ env: { CONTRACT: 'kept' } })
      const machine = refOf(id)
      const run = (script: string) =>
        backend.exec(machine, { command: ['sh', '-c', script], stdin: 'in', timeoutSeconds: 10 })
      const done = { exitCode: 0, signal: undefined, stdout: 'kept in', stderr: '' }
      expect(await run('printf "$CONTRACT "; cat')).toEqual(done)
      expect(await run('echo no >&2; exit 4')).toMatchObject({ exitCode: 4, stderr: 'no\n' })
      let early = await backend.logs(machine)
      await expect.poll(async () => (early = await backend.logs(machine)).lines).not.toEqual([])
      await backend.stop(machine)
      await observeAtRest(spec, id)
      // Only an agent that does not run writes nothing more.
      const { lines, next } = await backend.logs(machine, { after: early.next })
      expect(lines.filter((line) => early.lines.some((shown) => shown.id === line.id))).toEqual([])
      expect(await backend.logs(machine, { after: next })).toEqual({ lines: [], next })
      await expect(run('true')).rejects.toThrow(ProvisionError)
    })

    test('a backend that does not answer makes a machine unknown, not absent, and other calls say why', async () => {
      const spec = await specOf()
      const { id } = await launch(spec)
      const repair = subject.breakDown()
      try {
        for (const machineId of [id, null]) {
          expect(await backend.observe(spec.labels.workspaceId, backend.apps[0], machineId)).toMatchObject({
            presence: 'unknown',
            problem: { retryable: true },
          })
        }
        for (const verb of [
          () => backend.start(refOf(id)),
          () => backend.stop(refOf(id)),
          () => backend.destroy(refOf(id)),
          () => update(refOf(id), spec),
          () => backend.fleet(backend.apps[0], controlPlane),
        ]) {
          await expect(verb()).rejects.toBeInstanceOf(ProvisionError)
        }
        await backend.waitUntilSettled(refOf(id), 1)
      } finally {
        repair()
      }
    })

    more()
  })
}
