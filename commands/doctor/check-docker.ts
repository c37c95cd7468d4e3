// The Docker daemon: whether it answers, speaks a known version of its API, and has the network of the containers.
import { createDockerConnection } from '../../functions/node/docker-connection.ts'
import { createDockerClient } from '../../lib/docker/client.ts'
import { DockerError, isStatus } from '../../lib/docker/errors.ts'
import type { DoctorContext } from './context.ts'
import { type Finding, ok, wrong } from './finding.ts'

export async function checkDocker({ config }: DoctorContext): Promise<Finding> {
  const { host, network } = config.docker
  const connection = createDockerConnection(config.docker)
  const docker = createDockerClient(connection)
  try {
    const { Version } = await docker.version()
    await docker.inspectNetwork(network.name)
    return ok(`Docker ${Version} at ${host}, network ${network.name}`)
  } catch (error) {
    if (isStatus(error, 404))
      return network.name === 'bridge'
        ? wrong(
            'the daemon runs without its network bridge',
            'docker network create workspaces && export DOCKER_NETWORK=workspaces   # or DOCKER_NETWORK=host',
          )
        : wrong(`there is no network ${network.name}`, `docker network create ${network.name}`)
    if (!(error instanceof DockerError)) throw error
    return wrong(
      `${host}: ${error.message}`,
      'docker version   # whether the daemon runs, and this user may use it',
      'export DOCKER_HOST=unix:///path/to/docker.sock   # where it listens, if not at /var/run/docker.sock',
    )
  } finally {
    await connection.close()
  }
}
