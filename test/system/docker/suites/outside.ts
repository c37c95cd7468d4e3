// What others do to containers, and what control planes on one daemon leave alone.
import { expect, test, vi } from 'vitest'
import { containerLabels, SAMPLE_IMAGE } from '../../../support/dockerd.ts'
import { type DockerServer, LONG_MS, PATIENCE } from './fixture.ts'

export function outside(get: () => DockerServer): void {
  const make = (name: string, Labels: Record<string, string>) =>
    get().dockerd.api('POST', `/containers/create?name=${name}`, { Image: SAMPLE_IMAGE, Labels })
  const names = async () => JSON.stringify(await get().dockerd.api('GET', '/containers/json?all=1'))

  test(
    'a container that others stop, pause or remove is brought back, and the reason says what happened',
    async () => {
      const { containersOf, create, dockerd, events, remove, untilContainer, untilStatus } = get()
      const id = await create({ on_outside_stop: 'restart' })
      await untilStatus(id, 'ready')
      for (const [verb, words] of [
        ['stop?t=1', 'stopped by request'],
        ['pause', 'suspended by request'],
      ] as const) {
        await dockerd.api('POST', `/containers/ws-${id}/${verb}`)
        await vi.waitFor(async () => expect(await events(id)).toContain(words), PATIENCE)
        await untilStatus(id, 'ready')
        await untilContainer(id, 'running')
      }
      const [before] = await containersOf(id)
      await dockerd.api('DELETE', `/containers/ws-${id}?force=1`)
      await vi.waitFor(async () => {
        const after = await containersOf(id)
        expect(after).toMatchObject([{ State: 'running' }])
        expect(after[0]?.Id).not.toBe(before?.Id)
      }, PATIENCE)
      expect(await events(id)).toContain('machine_gone')
      await untilStatus(id, 'ready')
      await remove(id)
    },
    LONG_MS,
  )

  test(
    'two control planes on one daemon remove their own orphans, and leave containers of each other and of other programs alone',
    async () => {
      const one = get()
      const other = await one.second()
      const planes = [one, other]
      const ids = await Promise.all(planes.map((plane) => plane.create()))
      await Promise.all(planes.map((plane, at) => plane.untilStatus(ids[at] ?? '', 'ready')))
      const containers = async () =>
        (await Promise.all(ids.map((id) => one.containersOf(id)))).flat().map(({ Id, State }) => [Id, State])
      const before = await containers()
      expect(before).toHaveLength(2)
      for (const [at, plane] of planes.entries()) {
        const id = await plane.controlPlaneId()
        await make(`orphan-${at}`, containerLabels(id))
      }
      await make('of-another-plane', containerLabels(crypto.randomUUID()))
      await make('of-another-program', {})
      // Both have looked at every container by now.
      await vi.waitFor(async () => expect(await names()).not.toMatch(/orphan-/), PATIENCE)
      expect(await containers()).toEqual(before)
      expect(await names()).toMatch(
        /of-another-plane.*of-another-program|of-another-program.*of-another-plane/,
      )

      await other.remove(ids[1] ?? '')
      expect(await one.containersOf(ids[0] ?? '')).toMatchObject([{ State: 'running' }])
      expect((await one.call('GET', `/workspaces/${ids[0]}`)).body).toMatchObject({ status: 'ready' })
      await one.remove(ids[0] ?? '')
    },
    LONG_MS,
  )
}
