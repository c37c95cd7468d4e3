// Settings of the Docker backend: how the daemon is reached, and how agents are. Other tools read DOCKER_HOST and
// DOCKER_CERT_PATH too, so a value that cannot be used here is a mistake with CONTAINER_BACKEND=docker only.
import { NO_CREDENTIALS, parseAuthConfig } from '../provisioner/docker/registry-credentials.ts'
import { isAddress } from '../platform/ip-address.ts'
import { setting, text, type Values } from './setting.ts'

export const DOCKER = {
  host: setting('DOCKER_HOST', text.default('unix:///var/run/docker.sock')),
  /** The folder of ca.pem, cert.pem and key.pem; undefined: no TLS. */
  certificates: setting('DOCKER_CERT_PATH', text.optional()),
  /** Set by those who want TLS. With certificates the daemon is always verified. */
  verify: setting('DOCKER_TLS_VERIFY', text.optional()),
  /** The network of containers. */
  network: setting('DOCKER_NETWORK', text.default('bridge')),
  /** The address of the host at which agents' ports are published, or `none`. */
  publishAddress: setting('DOCKER_PUBLISH_ADDRESS', text.default('127.0.0.1')),
  /** Credentials of private registries, as Docker's config.json has them. */
  authConfig: setting('DOCKER_AUTH_CONFIG', text.optional()),
}

type DockerSettings = Values<typeof DOCKER>

const HOST = /^(unix:\/\/\/.+|tcp:\/\/[^/]+:\d+)$/

const NETWORK = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/

/** @returns a sentence for each setting that this backend cannot use */
export function findDockerMistakes({
  authConfig,
  certificates,
  host,
  network,
  publishAddress,
  verify,
}: DockerSettings): string[] {
  const mistakes: string[] = []
  if (verify !== undefined && certificates === undefined && host.startsWith('tcp://'))
    mistakes.push('DOCKER_TLS_VERIFY needs DOCKER_CERT_PATH, the folder of ca.pem, cert.pem and key.pem')
  if (!HOST.test(host)) mistakes.push('DOCKER_HOST must be unix:///path/to/docker.sock or tcp://host:port')
  if (!NETWORK.test(network) || network === 'none')
    mistakes.push('DOCKER_NETWORK must be bridge, host, or the name of a Docker network')
  if (publishAddress !== 'none' && !isAddress(publishAddress))
    mistakes.push('DOCKER_PUBLISH_ADDRESS must be an address of the Docker host such as 127.0.0.1, or none')
  if (authConfig !== undefined && parseAuthConfig(authConfig) === undefined)
    mistakes.push(
      'DOCKER_AUTH_CONFIG must be JSON as in ~/.docker/config.json: {"auths": {"ghcr.io": {"auth": "<base64 of user:token>"}}}',
    )
  return mistakes
}

export const toDockerConfig = ({
  authConfig,
  certificates,
  host,
  network,
  publishAddress,
}: DockerSettings) => ({
  host,
  certificates,
  network: {
    name: network,
    publishAddress: publishAddress === 'none' ? undefined : publishAddress,
  },
  credentials: (authConfig === undefined ? undefined : parseAuthConfig(authConfig)) ?? NO_CREDENTIALS,
})
