// A Docker daemon for a test file, with an image of the sample agent where one is wanted. It is installed from Debian's packages where it is
// missing. DOCKER_TESTS=off says that this computer cannot run one; without it, a daemon that does not start is a failure.
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, mkdtempSync, rmSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { canInstallPackages, installPackages } from './debian-packages.ts'
import { AGENT_COMMAND, buildSampleRoot } from './sample-image.ts'

/** Whether the tests that need a daemon run. */
export const HAS_DOCKER = process.env['DOCKER_TESTS'] !== 'off'

export const SAMPLE_IMAGE = 'molecule/sample-agent:1'

/** The labels of a container of a control plane. */
export const containerLabels = (
  controlPlane: string,
  workspace: string = crypto.randomUUID(),
): Record<string, string> => ({
  'molecule.control_plane': controlPlane,
  'molecule.workspace_id': workspace,
  'molecule.generation': '1',
  'molecule.launch_id': crypto.randomUUID(),
  'molecule.machine': 'abcdefgh',
  'molecule.image': SAMPLE_IMAGE,
  'molecule.port': '10000',
  'molecule.cpus': '1',
  'molecule.memory_mb': '512',
})

const PROCESS = fileURLToPath(new URL('dockerd-process.ts', import.meta.url))

export type Dockerd = Awaited<ReturnType<typeof startBareDockerd>>

/**
 * A daemon with the image {@link SAMPLE_IMAGE}.
 * @param more arguments of dockerd
 */
export async function startDockerd(more: readonly string[] = []): Promise<Dockerd & { archive: string }> {
  const image = buildSampleRoot()
  const dockerd = await startBareDockerd(more)
  const { archive, directory } = await image
  const [repository, tag] = SAMPLE_IMAGE.split(':')
  const change = encodeURIComponent(`CMD ${JSON.stringify(AGENT_COMMAND)}`)
  await dockerd.api(
    'POST',
    `/images/create?fromSrc=-&repo=${repository}&tag=${tag}&changes=${change}`,
    undefined,
    archive,
  )
  return {
    ...dockerd,
    /** The root file system of the image, until the daemon is closed. */
    archive,
    async close() {
      await dockerd.close()
      rmSync(directory, { recursive: true })
    },
  }
}

/**
 * A daemon without images.
 * @param more arguments of dockerd
 */
export async function startBareDockerd(more: readonly string[] = []) {
  installDocker()
  const directory = mkdtempSync(join(tmpdir(), 'dockerd-'))
  const gateway = unusedGateway()
  const env = {
    PATH: pathWithSbin(),
    DOCKERD_PARENT: directory,
    DOCKERD_ARGUMENTS: JSON.stringify([`--host-gateway-ip=${gateway}`, ...more]),
  }
  const child = fork(PROCESS, { env, execArgv: [] })
  const ended = once(child, 'exit')
  const untilReady = async () => {
    const [message] = (await Promise.race([once(child, 'message'), ended])) as unknown[]
    if (message !== 'ready') throw new Error(`${String(message)}\n(DOCKER_TESTS=off leaves these tests out)`)
  }
  try {
    await untilReady()
  } catch (error) {
    child.disconnect()
    throw error
  }
  const socket = join(directory, 'docker.sock')

  /** Sends a request to the daemon, past the code under test. @returns the body, parsed if it is JSON */
  async function api(method: string, path: string, body?: unknown, archive?: string): Promise<unknown> {
    const outgoing = request({
      socketPath: socket,
      method,
      path,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
    })
    const answered = once(outgoing, 'response')
    if (archive === undefined) outgoing.end(body === undefined ? undefined : JSON.stringify(body))
    else createReadStream(archive).pipe(outgoing)
    const [incoming] = (await answered) as [IncomingMessage]
    const text = (await incoming.setEncoding('utf8').toArray()).join('')
    if ((incoming.statusCode ?? 500) >= 400)
      throw new Error(`${method} ${path}: ${incoming.statusCode} ${text}`)
    return /^[[{]/.test(text) && !text.includes('\n{') ? JSON.parse(text) : text
  }

  return {
    host: `unix://${socket}`,
    api,
    /** Creates a bridge network, whose gateway is `host.docker.internal`. @returns its name */
    async createNetwork(): Promise<string> {
      const IPAM = { Config: [{ Subnet: `${gateway}/24`, Gateway: gateway }] }
      await api('POST', '/networks/create', { Name: NETWORK, Driver: 'bridge', IPAM })
      return NETWORK
    },
    /** Where the daemon keeps a container, on this computer. */
    containerPath: (id: string) => join(directory, 'data', 'containers', id),
    /** The data of a volume, on this computer. */
    volumePath: (name: string) => join(directory, 'data', 'volumes', name, '_data'),
    /** Ends the daemon, which stops its containers, and starts it again. `kill`: SIGKILL, which stops nothing. */
    async restart(how: 'restart' | 'kill' = 'restart'): Promise<void> {
      child.send(how)
      await untilReady()
    },
    async close(): Promise<void> {
      child.disconnect()
      await ended
    },
  }
}

const NETWORK = 'workspaces'

/** An address for a network of this process alone: the bridges of several daemons share the computer. */
const unusedGateway = () => `10.${200 + ((process.pid >> 8) % 50)}.${process.pid % 256}.1`

const pathWithSbin = () => `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`

function installDocker(): void {
  const env = { ...process.env, PATH: pathWithSbin() }
  if (execFileSync('sh', ['-c', 'command -v dockerd || true'], { env }).length > 0) return
  if (!canInstallPackages())
    throw new Error(
      'dockerd is not installed, and only root can install it (DOCKER_TESTS=off leaves these tests out)',
    )
  installPackages(['docker.io'])
}
