// Prepares the container of a machine: its image, its configuration and its files. It is started by its launch or update
// (docker-provisioner.ts).
import { packTar } from 'modern-tar'
import type { DockerClient } from '../../docker/client.ts'
import { ifFound } from '../../docker/errors.ts'
import type { MachineSpec } from '../../machines/machine-spec.ts'
import { type ContainerPlan, planContainer, type SecretsDelivery } from './container-config.ts'
import type { createImages } from './images.ts'
import { fromLabels } from './labels.ts'
import { type DockerNetwork, isHost, needsHostPort } from './network.ts'

type Surroundings = {
  network: DockerNetwork
  secretsDelivery: SecretsDelivery
  /** A free port of the host. */
  hostPort: () => Promise<number>
}

/** The end of the name of a container that is not complete. */
const DRAFT = '.draft'

export function createPreparation(
  docker: DockerClient,
  images: ReturnType<typeof createImages>,
  { hostPort, network, secretsDelivery }: Surroundings,
) {
  return prepare

  /**
   * Creates a container under a name of its own, with its files. Only when it is complete it gets its machine's name, so
   * a container that has the name lacks nothing.
   * @returns Docker's id
   */
  async function prepare(spec: MachineSpec, suffix: string): Promise<string> {
    const image = await images.require(spec.image)
    const port = needsHostPort(network) && !isHost(network) ? await hostPort() : spec.port
    const plan = planContainer(spec, image, { network, port, suffix, secretsDelivery })
    const draft = `${spec.name}${DRAFT}`
    await removeDraft(draft)
    const { Id } = await docker.createContainer(draft, plan.input)
    await docker.putArchive(Id, await packFiles(Id, plan))
    return Id
  }

  /** What an earlier attempt, which did not come to its end, has left behind. */
  async function removeDraft(name: string): Promise<void> {
    const left = await ifFound(docker.inspectContainer(name))
    if (left !== undefined && fromLabels(left.Config.Labels) !== undefined)
      await docker.removeContainer(left.Id)
  }

  async function packFiles(id: string, { files }: ContainerPlan): Promise<Uint8Array> {
    const directories: string[] = []
    // Folders of the image keep their owners, so only missing ones are made.
    for (const path of foldersOf(Object.keys(files)))
      if (!(await docker.hasPath(id, path))) directories.push(path)
    return packTar([
      ...directories.map((path) => ({
        header: { name: `${path.slice(1)}/`, type: 'directory' as const, size: 0, mode: 0o755 },
      })),
      ...Object.entries(files).map(([path, body]) => ({
        // Agents switch to an unprivileged user and must read their token (docs/facts/molecule.md §8.5).
        header: { name: path.slice(1), type: 'file' as const, size: body.length, mode: 0o644 },
        body,
      })),
    ])
  }
}

/** The folders of these files, outer ones first. */
function foldersOf(paths: string[]): string[] {
  const folders = new Set<string>()
  for (const path of paths) {
    const parts = path.split('/').slice(1, -1)
    for (let count = 1; count <= parts.length; count++) folders.add(`/${parts.slice(0, count).join('/')}`)
  }
  return [...folders].toSorted()
}
