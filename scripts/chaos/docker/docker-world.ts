// Docker as the provider of a run: a daemon of its own, images from a registry of its own, and faults of containers and of the
// daemon. Its clock is the real one.
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  CONTROL_PLANE,
  fromLabels,
  IMAGE,
  machineIdOf,
  WORKSPACE,
} from '../../../lib/provisioner/docker/labels.ts'
import { nameOf } from '../../../lib/provisioner/docker/read-container.ts'
import { type Dockerd, startBareDockerd } from '../../../test/support/dockerd.ts'
import { type ImageRegistry, startImageRegistry } from '../../../test/support/image-registry.ts'
import { AGENT_COMMAND, buildSampleRoot } from '../../../test/support/sample-image.ts'
import type { Chance } from '../random.ts'
import type { Holdings, SeenMachine } from '../holdings.ts'
import type { World } from '../world.ts'
import { containers } from './containers.ts'
import { daemon } from './daemon.ts'
import { list, type Listed } from './list.ts'
import { startHome, startRecorder } from './servers.ts'

const AGENT = fileURLToPath(new URL('agent.ts', import.meta.url))
const REPOSITORY = 'chaos/agent'
const RUNTIMES = ['langgraph', 'hermes', 'codex']

export async function startDockerWorld(chance: (stream: string) => Chance): Promise<World> {
  const closers: (() => unknown)[] = []
  const close = async () => {
    for (const one of closers.toReversed()) await one()
  }
  try {
    const recorder = await startRecorder()
    closers.push(() => recorder.close())
    const { archive, directory } = await buildSampleRoot(AGENT)
    closers.push(() => rmSync(directory, { recursive: true }))
    const registry = await startImageRegistry(archive)
    closers.push(() => registry.close())
    const dockerd = await startBareDockerd()
    closers.push(() => dockerd.close())
    const images = pushImages(registry, recorder.url)
    await dockerd.api('POST', `/images/create?fromImage=${registry.host}/${REPOSITORY}&tag=1`)
    /** Containers of others. */
    const foreign: string[] = []
    return {
      regions: ['local'],
      runtimes: RUNTIMES,
      digests: images,
      arrivals: recorder.arrivals,
      async admit({ pickReplica }) {
        const home = await startHome(pickReplica)
        closers.push(() => home.close())
        return {
          CONTAINER_BACKEND: 'docker',
          DOCKER_HOST: dockerd.host,
          DOCKER_NETWORK: 'host',
          RUNTIME_IMAGES: RUNTIMES.map((name) => `${name}=${registry.host}/${REPOSITORY}:1`).join(','),
          PUBLIC_URL: home.url,
        }
      },
      look: () => lookAt(dockerd),
      counterOf(volume) {
        try {
          return Number(readFileSync(join(dockerd.volumePath(volume), 'counter'), 'utf8'))
        } catch {
          return 0
        }
      },
      faults: {
        containers: (controlPlanes) => [
          containers(
            dockerd,
            chance('containers'),
            { controlPlanes, image: `${registry.host}/${REPOSITORY}:1` },
            foreign,
          ),
        ],
        daemon: () => [daemon(dockerd, chance('daemon'))],
      },
      async touched() {
        const living = new Set((await list(dockerd)).map(({ Id }) => Id))
        return foreign
          .filter((id) => !living.has(id))
          .map((id) => ({ kind: 'touched', what: `foreign container ${id} was removed` }))
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** The image of all workspaces, some that differ only in their digests, and one whose program ends at once. */
function pushImages({ push }: ImageRegistry, recorder: string): World['digests'] {
  const env = [`CHAOS_RECORDER=${recorder}`]
  const command = AGENT_COMMAND
  return {
    good: [1, 2, 3, 4].map((version) =>
      push(REPOSITORY, String(version), { command, env, labels: { version: String(version) } }),
    ),
    crashing: push(REPOSITORY, 'crashing', { command: ['/bin/sh', '-c', 'exit 3'] }),
  }
}

/** Fly's words for the states of a container; others end by themselves. */
const STATES: Record<string, string> = {
  created: 'stopped',
  running: 'started',
  paused: 'suspended',
  exited: 'stopped',
  dead: 'failed',
}

async function lookAt(dockerd: Dockerd): Promise<Holdings> {
  const { Volumes } = (await dockerd.api('GET', '/volumes')) as { Volumes: { Name: string }[] | null }
  return {
    machines: (await list(dockerd)).map(toMachine),
    volumes: (Volumes ?? []).map(({ Name }) => ({ id: Name, name: Name, isDeleted: false })),
  }
}

const toMachine = ({ Id, Labels, Mounts, Names, State }: Listed): SeenMachine => ({
  id: machineIdOf(nameOf(Names?.[0] ?? Id), fromLabels(Labels)?.suffix ?? Id),
  state: STATES[State] ?? State,
  destroyed: false,
  image: Labels[IMAGE] ?? '',
  controlPlane: Labels[CONTROL_PLANE],
  workspace: Labels[WORKSPACE],
  volume: Mounts.find(({ Type }) => Type === 'volume')?.Name,
})
