// How agents are reached: at a port of the host that Docker publishes, at the container's own address, or, with host
// networking, at a port of the host on which the agent itself listens. Pure.
import type { Container, ContainerInput } from '../../docker/client.ts'
import type { MachineSpec } from '../../machines/machine-spec.ts'
import { fromLabels } from './labels.ts'

export type DockerNetwork = {
  /** A Docker network, or `host`. */
  name: string
  /** The address of the host at which ports are published; undefined: none are, and the container's own is used. */
  publishAddress: string | undefined
}

/** The name of the host in containers that have a network of their own. */
export const HOST_NAME = 'host.docker.internal'

/** Ports of the host for agents: below those that Linux gives to outgoing connections. */
export const HOST_PORTS = { from: 10_000, to: 11_999 }

/** A port of the host that no container of ours has, at random, so that a port is rarely used again soon. */
export function freePort(taken: ReadonlySet<number>, random: () => number = Math.random): number {
  const count = HOST_PORTS.to - HOST_PORTS.from + 1
  const first = Math.floor(random() * count)
  for (let step = 0; step < count; step++) {
    const port = HOST_PORTS.from + ((first + step) % count)
    if (!taken.has(port)) return port
  }
  throw new RangeError(`all ports from ${HOST_PORTS.from} to ${HOST_PORTS.to} are taken`)
}

export const isHost = ({ name }: DockerNetwork): boolean => name === 'host'

/** Whether an agent needs a port of the host. */
export const needsHostPort = (network: DockerNetwork): boolean =>
  isHost(network) || network.publishAddress !== undefined

/** The parts of a container's configuration that concern its network. */
export function networkConfig(
  { port }: MachineSpec,
  network: DockerNetwork,
  hostPort: number,
): Pick<ContainerInput, 'ExposedPorts'> & {
  HostConfig: Pick<ContainerInput['HostConfig'], 'NetworkMode' | 'PortBindings' | 'ExtraHosts'>
} {
  const mode = { NetworkMode: network.name }
  if (isHost(network)) return { HostConfig: mode }
  // Agents call home at this name, which Docker Desktop has by itself and Linux has not.
  const reached = { ...mode, ExtraHosts: [`${HOST_NAME}:host-gateway`] }
  if (network.publishAddress === undefined) return { HostConfig: reached }
  const exposed = `${port}/tcp`
  return {
    ExposedPorts: { [exposed]: {} },
    HostConfig: {
      ...reached,
      PortBindings: { [exposed]: [{ HostIp: network.publishAddress, HostPort: String(hostPort) }] },
    },
  }
}

/** The URL of a container's agent; undefined while it has no address. */
export function urlOf(container: Container, network: DockerNetwork): string | undefined {
  const port = fromLabels(container.Config.Labels)?.port
  if (port === undefined) return undefined
  if (isHost(network)) return `http://127.0.0.1:${port}`
  const { publishAddress } = network
  if (publishAddress !== undefined) return `http://${inUrl(publishAddress)}:${port}`
  const address = container.NetworkSettings.Networks?.[network.name]?.IPAddress ?? ''
  return address === '' ? undefined : `http://${inUrl(address)}:${port}`
}

/** Published at all addresses of the host: reached at its loopback address. */
const inUrl = (address: string) => {
  if (address === '0.0.0.0' || address === '::') return '127.0.0.1'
  return address.includes(':') ? `[${address}]` : address
}

/** Whether an origin can be one that {@link urlOf} makes; `isPrivate` judges a container's own address. */
export function isAgentOrigin(
  origin: string,
  network: DockerNetwork,
  agentPort: number,
  isPrivate: (address: string) => boolean,
): boolean {
  const url = new URL(origin)
  if (url.protocol !== 'http:') return false
  const port = Number(url.port)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (!needsHostPort(network)) return port === agentPort && isPrivate(host)
  const address = isHost(network) ? '127.0.0.1' : inUrl(network.publishAddress ?? '')
  return url.hostname === address && port >= HOST_PORTS.from && port <= HOST_PORTS.to
}
