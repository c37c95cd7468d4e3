// Agents on a network of their own, reached at their containers' addresses, which call home through the gateway of the network.
// Published ports are a subject of test/system/docker/provisioner.test.ts.
import { expect, test } from 'vitest'
import { type DockerServer, LONG_MS } from './fixture.ts'

export function networks(get: () => DockerServer): void {
  test(
    'an agent on a bridge network is reached at its own address, no port is published, and it calls home',
    async () => {
      const { containersOf, create, network, remove, say, untilStatus } = await get().second()
      const id = await create()
      // Agents register at host.docker.internal.
      expect((await untilStatus(id, 'ready'))['registered_at']).not.toBeNull()
      expect(await say(id, 'hello')).toContain('hello')
      const [container] = await containersOf(id)
      expect(await get().dockerd.api('GET', `/containers/${container?.Id}/json`)).toMatchObject({
        HostConfig: { NetworkMode: network },
        NetworkSettings: { Ports: {} },
      })
      await remove(id)
    },
    LONG_MS,
  )
}
