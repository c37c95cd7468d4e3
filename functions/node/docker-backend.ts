// The Docker backend on Node: opens the connection to the daemon, and wakes the sweep whenever a container has changed.
import type { Config } from '../../lib/config/config.ts'
import type { OnCall } from '../../lib/control-plane/observe-calls.ts'
import type { Services } from '../../lib/control-plane/services.ts'
import { createDockerClient } from '../../lib/docker/client.ts'
import { readControlPlaneId } from '../../lib/platform/control-plane-id.ts'
import { createDockerProvisioner } from '../../lib/provisioner/docker/docker-provisioner.ts'
import { HOST_NAME } from '../../lib/provisioner/docker/network.ts'
import type { Provisioner } from '../../lib/provisioner/provisioner.ts'
import { createDockerConnection } from './docker-connection.ts'

export type DockerBackend = {
  openProvisioner: (onCall: OnCall) => Provisioner
  close(): Promise<void>
}

/** @throws ConfigError */
export function openDocker(config: Config): DockerBackend {
  const connection = createDockerConnection(config.docker)
  const { credentials, network } = config.docker
  return {
    openProvisioner: (onCall) =>
      createDockerProvisioner({
        docker: createDockerClient(connection, onCall),
        network,
        credentials,
        secretsDelivery: config.plainSecrets ? 'env' : 'file',
      }),
    close: () => connection.close(),
  }
}

/** The URL at which containers reach a server of this computer. */
export const urlForContainers = ({ docker }: Config, port: number): string =>
  `http://${docker.network.name === 'host' ? '127.0.0.1' : HOST_NAME}:${port}`

/** The least time between two sweeps that events cause, in milliseconds: one change is several events. */
const QUIET_MS = 250

/** How long to wait before the events are asked for again, in milliseconds. */
const RETRY_MS = 2_000

/** Runs until `services.stopping` aborts. Without events, the sweeps of the timer find the same changes later. */
export async function watchMachines(services: Services, wake: () => void): Promise<void> {
  const { log, provisioner, sleep, stopping } = services
  const signal = stopping ?? new AbortController().signal
  let pending: NodeJS.Timeout | undefined
  signal.addEventListener('abort', () => clearTimeout(pending))
  const onChange = () => {
    pending ??= setTimeout(() => {
      pending = undefined
      wake()
    }, QUIET_MS)
  }
  while (!signal.aborted) {
    try {
      const id = await readControlPlaneId(services.db)
      if (id !== undefined) await provisioner.watch?.(id, onChange, signal)
      // What changed while nothing was heard.
      onChange()
    } catch (error) {
      if (!signal.aborted) log('debug', 'the events of the provider ended', { error })
    }
    await sleep(RETRY_MS, signal)
  }
}
