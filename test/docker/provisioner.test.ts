// The contract of every provisioner, with real containers. Host networking works on every computer that runs a daemon.
import { readFileSync } from 'node:fs'
import { describe, expect, vi } from 'vitest'
import { createDockerConnection } from '../../functions/node/docker-connection.ts'
import { parseConfig } from '../../lib/config/config.ts'
import { createDockerClient } from '../../lib/docker/client.ts'
import type { DockerConnection } from '../../lib/docker/connection.ts'
import { createDockerProvisioner } from '../../lib/provisioner/docker/docker-provisioner.ts'
import { HAS_DOCKER, SAMPLE_IMAGE, startDockerd } from '../support/dockerd.ts'
import { describeProvisioner } from '../support/provisioner-contract.ts'

type Inspected = { State: { Pid: number } }

async function open() {
  const dockerd = await startDockerd()
  const { docker } = parseConfig({
    CONTAINER_BACKEND: 'docker',
    DOCKER_HOST: dockerd.host,
    DOCKER_NETWORK: 'host',
    ADMIN_TOKEN: 'a-token-of-the-contract',
  })
  const direct = createDockerConnection(docker)
  let losesStart = false
  let isBroken = false
  const connection: DockerConnection = {
    async send(request) {
      if (isBroken) throw new Error('connect ECONNREFUSED')
      const response = await direct.send(request)
      if (losesStart && request.path.endsWith('/start')) {
        losesStart = false
        throw new Error('socket hang up')
      }
      return response
    },
    upgrade: (request, input) => direct.upgrade(request, input),
  }
  const list = async () => (await dockerd.api('GET', '/containers/json?all=1')) as { Id: string }[]
  const inspect = (id: string) => dockerd.api('GET', `/containers/${id}/json`) as Promise<Inspected>
  return {
    provisioner: createDockerProvisioner({
      docker: createDockerClient(connection),
      network: docker.network,
      credentials: docker.credentials,
      secretsDelivery: 'file',
    }),
    image: SAMPLE_IMAGE,
    // Nothing listens there, so the pull fails at once and without a network.
    missingImage: 'localhost:1/example/missing:1',
    loseNextLaunch: () => void (losesStart = true),
    breakDown() {
      isBroken = true
      return () => void (isBroken = false)
    },
    async environmentOf(workspaceId: string) {
      const { Pid } = (await inspect(`ws-${workspaceId}`)).State
      const lines = await vi.waitFor(
        () => {
          // Process 1 is Docker's init. Its child is the agent, after it was the shell that reads the secrets.
          const [agent = ''] = readFileSync(`/proc/${Pid}/task/${Pid}/children`, 'utf8').split(' ')
          expect(readFileSync(`/proc/${agent}/comm`, 'utf8')).not.toMatch(/^(sh|docker-init)\n/)
          return readFileSync(`/proc/${agent}/environ`, 'utf8').split('\0').filter(Boolean)
        },
        { timeout: 30_000 },
      )
      return Object.fromEntries(
        lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      )
    },
    async listing() {
      return JSON.stringify(await Promise.all((await list()).map(({ Id }) => inspect(Id))))
    },
    async close() {
      await direct.close()
      await dockerd.close()
    },
  }
}

describe.runIf(HAS_DOCKER)('Docker', () => describeProvisioner('Docker', open))
