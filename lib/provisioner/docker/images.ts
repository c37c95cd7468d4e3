// Images on the Docker host: one that is missing is pulled once for all workspaces that wait for it. A pull takes longer
// than one step of a reconcile may, so the step ends with how far the pull has come, and is repeated.
import type { DockerClient, Image } from '../../docker/client.ts'
import { ifFound, isStatus } from '../../docker/errors.ts'
import { parseImage, repositoryOf } from '../../machines/image-reference.ts'
import { sleep } from '../../platform/sleep.ts'
import { toPostgresText } from '../../platform/postgres-text.ts'
import { ProvisionError } from '../problem.ts'
import type { RegistryCredentials } from './registry-credentials.ts'
import { toProvisionError } from './problems.ts'

export type PulledImage = {
  /** With its digest, where the registry gave one. */
  reference: string
  entrypoint: string[]
  command: string[]
}

/** How long one step waits for a pull, in milliseconds: well within a lease. */
const PATIENCE_MS = 20_000

/** How long a pull may take, in milliseconds. The deadline of the workspace usually ends the wait before. */
const PULL_MS = 60 * 60_000

type Pull = { done: Promise<unknown>; progress: () => string }

export function createImages(docker: DockerClient, credentials: RegistryCredentials) {
  const pulls = new Map<string, Pull>()

  const inspect = (reference: string) => ifFound(docker.inspectImage(reference))

  function startPull(reference: string): Pull {
    const layers = new Map<string, { current: number; total: number }>()
    const pull: Pull = {
      done: run().finally(() => pulls.delete(reference)),
      progress: () => progressOf([...layers.values()]),
    }
    pulls.set(reference, pull)
    // Each waiting step handles the failure; a pull for which none waits any more has nobody to tell.
    pull.done.catch(() => {})
    return pull

    async function run(): Promise<void> {
      const parsed = parseImage(reference)
      if (parsed === undefined) throw unpullable(reference, 'this is not the name of an image')
      const { digest, registry, tag } = parsed
      const lines = await docker.pullImage(
        { name: repositoryOf(reference), tag: digest ?? tag ?? 'latest' },
        credentials.headerFor(registry),
        AbortSignal.timeout(PULL_MS),
      )
      for await (const { error, id, progressDetail, status } of lines) {
        if (error !== undefined) throw unpullable(reference, error)
        const { current, total } = progressDetail ?? {}
        if (status === 'Downloading' && id !== undefined && current !== undefined && total !== undefined)
          layers.set(id, { current, total })
      }
    }
  }

  return {
    /**
     * The image, which is pulled if the host does not have it.
     * @throws ProvisionError `image_unpullable`, or `busy` while it is being pulled; DockerError
     */
    async require(reference: string): Promise<PulledImage> {
      const present = await inspect(reference)
      if (present !== undefined) return toPulled(reference, present)
      const pull = pulls.get(reference) ?? startPull(reference)
      const isDone = await Promise.race([pull.done.then(() => true, onFailure), patience()])
      if (!isDone) throw pulling(reference, pull.progress())
      const pulled = await inspect(reference)
      if (pulled === undefined) throw unpullable(reference, 'the image is not there after the pull')
      return toPulled(reference, pulled)

      function onFailure(error: unknown): never {
        // The daemon refuses some pulls before they begin, with the registry's words.
        if (isStatus(error, 400, 403, 404, 500)) throw unpullable(reference, error.words)
        throw toProvisionError(error)
      }
    },
  }
}

async function patience(): Promise<false> {
  await sleep(PATIENCE_MS)
  return false
}

/** Tags move, so what was requested by tag is known by its digest afterwards. */
function toPulled(reference: string, { Config, RepoDigests }: Image): PulledImage {
  const wanted = parseImage(reference)
  const digest = RepoDigests.map(parseImage).find(
    (one) => one?.registry === wanted?.registry && one?.repository === wanted?.repository,
  )?.digest
  return {
    reference: digest === undefined ? reference : `${repositoryOf(reference)}@${digest}`,
    entrypoint: Config?.Entrypoint ?? [],
    command: Config?.Cmd ?? [],
  }
}

const MEGABYTE = 1e6

function progressOf(layers: { current: number; total: number }[]): string {
  const sum = (key: 'current' | 'total') => layers.reduce((bytes, layer) => bytes + layer[key], 0)
  return layers.length === 0
    ? 'it has just begun'
    : `${Math.round(sum('current') / MEGABYTE)} of ${Math.round(sum('total') / MEGABYTE)} MB`
}

/** Words of registries and networks that may be others a moment later. */
const PASSING = /timeout|timed out|toomanyrequests|temporar|connection (refused|reset)|EOF|\b50[0-4]\b/i

const unpullable = (image: string, words: string) =>
  new ProvisionError(
    {
      code: 'image_unpullable',
      message: `Docker cannot pull the image ${image}. Docker: ${toPostgresText(words)}`,
      hint: 'Check that the image exists. For a private registry set DOCKER_AUTH_CONFIG.',
      retryable: PASSING.test(words),
    },
    { applied: 'no' },
  )

const pulling = (image: string, progress: string) =>
  new ProvisionError(
    {
      code: 'busy',
      message: `The image ${image} is being pulled (${progress}).`,
      hint: 'The machine is created as soon as the image is there.',
      retryable: true,
      retryAfterMs: 1_000,
    },
    { applied: 'no' },
  )
