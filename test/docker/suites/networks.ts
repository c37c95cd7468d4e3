// Agents on a network of their own, as users have it: reached at the containers' addresses or at ports that Docker publishes,
// and calling home through the gateway of the network.
import { expect, test } from 'vitest'
import { type DockerServer, LONG_MS } from './fixture.ts'

type Inspected = {
  HostConfig: { NetworkMode: string }
  NetworkSettings: {
    Ports: Record<string, { HostIp: string; HostPort: string }[] | null>
    Networks: Record<string, { IPAddress: string }>
  }
}

export function networks(get: () => DockerServer): void {
  test.each([
    ['at its own address, and no port is published', 'none', () => ({})],
    [
      'at a port that is published on the loopback address alone',
      '127.0.0.1',
      () => ({
        '8000/tcp': [{ HostIp: '127.0.0.1', HostPort: expect.stringMatching(/^1[01]\d{3}$/) as string }],
      }),
    ],
  ])(
    'an agent on a bridge network is reached %s, and calls home',
    async (_, publishAddress, ports) => {
      const { dockerd, network, startAnother } = get()
      const server = await startAnother({
        DOCKER_NETWORK: network,
        DOCKER_PUBLISH_ADDRESS: publishAddress,
        HOST: '0.0.0.0',
      })
      try {
        const { containersOf, create, remove, say, untilStatus } = server
        const id = await create()
        // Agents register at host.docker.internal.
        expect((await untilStatus(id, 'ready'))['registered_at']).not.toBeNull()
        expect(await say(id, 'hello')).toContain('hello')
        const [container] = await containersOf(id)
        const inspected = (await dockerd.api('GET', `/containers/${container?.Id}/json`)) as Inspected
        expect(inspected.HostConfig.NetworkMode).toBe(network)
        expect(inspected.NetworkSettings.Ports).toEqual(ports())
        await remove(id)
      } finally {
        await server.close()
      }
    },
    LONG_MS,
  )
}
