// The contract of every provisioner, with real containers. The daemon is at a TCP port with TLS. Host networking works on every
// computer that runs a daemon.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { createDockerConnection } from '../../../functions/node/docker-connection.ts'
import { parseConfig } from '../../../lib/config/config.ts'
import { createDockerClient } from '../../../lib/docker/client.ts'
import type { DockerConnection } from '../../../lib/docker/connection.ts'
import { machineSpec } from '../../../lib/machines/machine-spec.ts'
import type { DockerNetwork } from '../../../lib/provisioner/docker/network.ts'
import type { Provisioner } from '../../../lib/provisioner/provisioner.ts'
import { createDockerProvisioner } from '../../../lib/provisioner/docker/docker-provisioner.ts'
import { createDockerCertificates } from '../../support/docker-certificates.ts'
import {
  containerLabels,
  type Dockerd,
  HAS_DOCKER,
  SAMPLE_IMAGE,
  startDockerd,
} from '../../support/dockerd.ts'
import { freePorts } from '../../support/ports.ts'
import { describeProvisioner } from '../../support/provisioner-contract.ts'

type Inspected = { State: { Pid: number } }

let tcpHost = ''
let shared: {
  dockerd: Dockerd
  /** A provisioner of a server with another clock or another network. */
  provisionerAt: (now?: () => number, network?: DockerNetwork) => Provisioner
}

const configOf = (settings: Record<string, string>) =>
  parseConfig({
    CONTAINER_BACKEND: 'docker',
    DOCKER_HOST: tcpHost,
    DOCKER_NETWORK: 'host',
    ADMIN_TOKEN: 'a-token-of-the-contract',
    ...settings,
  }).docker

async function open() {
  const certificates = createDockerCertificates()
  const [port = 0] = await freePorts(1)
  tcpHost = `tcp://127.0.0.1:${port}`
  const dockerd = await startDockerd(certificates.argumentsFor(port))
  const docker = configOf({ DOCKER_CERT_PATH: certificates.directory, DOCKER_TLS_VERIFY: '1' })
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
  const provisionerAt = (now = Date.now, network = docker.network) =>
    createDockerProvisioner({
      docker: createDockerClient(connection),
      network,
      credentials: docker.credentials,
      secretsDelivery: 'file',
      now,
    })
  shared = { dockerd, provisionerAt }
  return {
    provisioner: provisionerAt(),
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
      certificates.remove()
    },
  }
}

/** A container of a workspace that is not started. @param input replaces what it is created with */
async function makeContainer(input: { Cmd?: string[]; HostConfig?: object } = {}) {
  const workspace = crypto.randomUUID()
  const name = `ws-${workspace}`
  const { Id: id } = (await shared.dockerd.api('POST', `/containers/create?name=${name}`, {
    Image: SAMPLE_IMAGE,
    Cmd: ['/bin/sleep', '1000'],
    Labels: containerLabels(crypto.randomUUID(), workspace),
    ...input,
    HostConfig: { NetworkMode: 'none', Init: true, ...input.HostConfig },
  })) as { Id: string }
  return { id, name, workspace }
}

const specOfNew = (port: number) =>
  machineSpec({
    port,
    workspace: {
      id: crypto.randomUUID(),
      name: 'bridged',
      role: null,
      runtime: 'langgraph',
      tier: 2,
      region: 'local',
      model: null,
      parentId: null,
      env: {},
      config: {},
      generation: 1,
    },
    callerFiles: {},
    image: SAMPLE_IMAGE,
    launchId: crypto.randomUUID(),
    controlPlane: crypto.randomUUID(),
    secrets: {},
    token: 'the-token-of-the-agent',
    inboundSecret: 'the-inbound-secret',
    // Refused at once.
    platformUrl: 'http://127.0.0.1:1',
  })

describe.runIf(HAS_DOCKER)('Docker', () => {
  describeProvisioner(open, () => {
    test.each([
      ['an hour behind', -3_600_000],
      ['an hour ahead', 3_600_000],
    ])('a stop by others is recognized by a server whose clock is %s', async (_, offsetMs) => {
      const {
        dockerd: { api },
        provisionerAt,
      } = shared
      const { name, workspace } = await makeContainer()
      await api('POST', `/containers/${name}/start`)
      await api('POST', `/containers/${name}/stop?t=5`)
      const provisioner = provisionerAt(() => Date.now() + offsetMs)
      expect(await provisioner.observe(workspace, 'docker', null)).toMatchObject({
        presence: 'present',
        machine: { phase: 'stopped', stopRequest: { verb: 'stop' }, exit: { requested: true } },
      })
    })

    test('an agent on a bridge network is reached at a port that is published on the loopback address alone', async () => {
      const { dockerd, provisionerAt } = shared
      const network = await dockerd.createNetwork()
      const provisioner = provisionerAt(Date.now, { name: network, publishAddress: '127.0.0.1' })
      const machine = await provisioner.launch('docker', specOfNew(await provisioner.agentPort()))
      const { url } = await provisioner.endpoint({ app: 'docker', machineId: machine.id })
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:1[01]\d{3}$/)
      const answered = await vi.waitFor(() => fetch(`${url}/.well-known/agent-card.json`), {
        timeout: 30_000,
      })
      expect(answered.status).toBe(200)
      expect(await dockerd.api('GET', `/containers/${machine.version}/json`)).toMatchObject({
        NetworkSettings: { Ports: { '8000/tcp': [{ HostIp: '127.0.0.1', HostPort: new URL(url).port }] } },
      })
      await provisioner.destroy({ app: 'docker', machineId: machine.id })
    })

    test.each(['restart', 'kill'] as const)(
      'a container that ended with its daemon (%s) shows neither an exit nor a request, and a later stop is a request',
      async (how) => {
        const { dockerd, provisionerAt } = shared
        const { name, workspace } = await makeContainer({
          Cmd: ['/bin/sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'],
        })
        const look = async () => provisionerAt().observe(workspace, 'docker', null)
        await dockerd.api('POST', `/containers/${name}/start`)
        await dockerd.restart(how)
        expect(await look()).toMatchObject({
          presence: 'present',
          machine: { phase: 'stopped', exit: undefined, stopRequest: undefined },
        })
        await dockerd.api('POST', `/containers/${name}/start`)
        await dockerd.api('POST', `/containers/${name}/stop`)
        expect(await look()).toMatchObject({
          machine: { phase: 'stopped', exit: { requested: true }, stopRequest: { verb: 'stop' } },
        })
      },
      120_000,
    )

    test('a container whose command is missing has failed; one that the daemon could not start otherwise can be started', async () => {
      const {
        dockerd: { api },
        provisionerAt,
      } = shared
      const provisioner = provisionerAt()
      const unknown = await makeContainer({ Cmd: ['/bin/is-not-there'], HostConfig: { Init: false } })
      await expect(api('POST', `/containers/${unknown.name}/start`)).rejects.toThrow('is-not-there')
      expect(await provisioner.observe(unknown.workspace, 'docker', null)).toMatchObject({
        machine: { phase: 'failed', startError: { text: expect.stringContaining('is-not-there') as string } },
      })

      const directory = mkdtempSync(join(tmpdir(), 'docker-device-'))
      const device = join(directory, 'device')
      try {
        const { name, workspace } = await makeContainer({
          HostConfig: {
            Devices: [{ PathOnHost: device, PathInContainer: '/dev/some', CgroupPermissions: 'r' }],
          },
        })
        await expect(api('POST', `/containers/${name}/start`)).rejects.toThrow('500')
        const observed = await provisioner.observe(workspace, 'docker', null)
        expect(observed).toMatchObject({
          machine: { phase: 'stopped', exit: undefined, startError: undefined },
        })
        symlinkSync('/dev/null', device)
        if (observed.presence === 'present')
          await provisioner.start({ app: 'docker', machineId: observed.machine.id })
        expect(await provisioner.observe(workspace, 'docker', null)).toMatchObject({
          machine: { phase: 'started' },
        })
      } finally {
        rmSync(directory, { recursive: true })
      }
    })

    test('a container that the daemon could not remove is removed when it is seen again, and then absent', async () => {
      const { dockerd, provisionerAt } = shared
      const { id, workspace } = await makeContainer()
      const kept = join(dockerd.containerPath(id), 'kept')
      writeFileSync(kept, '')
      execFileSync('chattr', ['+i', kept])
      try {
        await expect(dockerd.api('DELETE', `/containers/${id}?force=1`)).rejects.toThrow('unable to remove')
        const observed = provisionerAt().observe(workspace, 'docker', null)
        execFileSync('chattr', ['-i', kept])
        expect(await observed).toEqual({ presence: 'absent' })
        await expect(dockerd.api('GET', `/containers/${id}/json`)).rejects.toThrow('404')
      } finally {
        if (existsSync(kept)) execFileSync('chattr', ['-i', kept])
      }
    })

    test.each([
      ['without TLS', () => undefined, /HTTP request to an HTTPS server/],
      ['with certificates of another authority', createDockerCertificates, /self.signed|certificate/],
    ])('a connection %s is refused', async (_, create, words) => {
      const others = create()
      const settings: Record<string, string> =
        others === undefined ? {} : { DOCKER_CERT_PATH: others.directory }
      const connection = createDockerConnection(configOf(settings))
      try {
        await expect(createDockerClient(connection).version()).rejects.toThrow(words)
      } finally {
        await connection.close()
        others?.remove()
      }
    })
  })
})
