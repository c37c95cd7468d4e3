// Where this service may send requests: the provider's API, the agents, and the addresses of webhook endpoints. Other
// addresses that callers and agents send (in cards, images and variables) are stored and shown, and never called. The
// check also holds against redirects and against mistakes of ours.
import type { Config } from '../config/config.ts'
import { AGENT_PORT } from '../machines/machine-spec.ts'
import { isAgentOrigin } from '../provisioner/docker/network.ts'
import { proxyOf } from '../provisioner/fly/endpoint.ts'
import { isAddress, isAddressRange, isInRange, isLoopback, isPublicAddress } from '../platform/ip-address.ts'

/** @returns whether an origin (`https://host:port`) can be an agent's, or belongs to Fly's API */
export function createAllowedOrigins({
  backend,
  docker,
  fly,
}: Pick<Config, 'backend' | 'docker' | 'fly'>): (origin: string) => boolean {
  if (backend === 'docker') {
    const isPrivate = (address: string) => isAddress(address) && !isPublicAddress(address)
    return (origin) => isAgentOrigin(origin, docker.network, AGENT_PORT, isPrivate)
  }
  const proxies =
    fly.proxyUrl === undefined ? fly.apps.map((app) => proxyOf(fly.endpoint, app)) : [fly.proxyUrl]
  const allowed = new Set([fly.apiUrl, fly.logsUrl, ...proxies].map((url) => new URL(url).origin))
  return (origin) => allowed.has(origin)
}

export class ForbiddenTarget extends Error {
  override name = 'ForbiddenTarget'
}

/** The same fetch, limited to these origins. It does not follow redirects. @throws ForbiddenTarget */
export function restrictFetch(
  isAllowed: (origin: string) => boolean,
  fetch: typeof globalThis.fetch,
): typeof fetch {
  return async (input, init) => {
    const { origin } = new URL(input instanceof Request ? input.url : input)
    if (!isAllowed(origin)) throw new ForbiddenTarget(`${origin} is none of the places this service calls`)
    return fetch(input, { ...init, redirect: 'manual' })
  }
}

/** Where webhooks may go, beside the public Internet. */
export type TargetPolicy = {
  /** This computer, for a server that serves this computer only. */
  loopback: boolean
  /** Host names, addresses and ranges (WEBHOOK_PRIVATE_TARGETS). */
  privateTargets: readonly string[]
}

export const targetPolicy = (config: Config): TargetPolicy => ({
  loopback: config.backend === 'emulator' && isLoopback(config.listen.host),
  privateTargets: config.webhookPrivateTargets,
})

/**
 * Names in private networks: of clouds and Fly's 6PN (docs/facts/fly.md §1), of this computer, of homes and offices.
 */
const PRIVATE_NAME = /(^|\.)(localhost|internal|flycast|local|lan|intranet|corp|home|home\.arpa)$/

const HINT = 'add it to WEBHOOK_PRIVATE_TARGETS to allow it'

/** @returns why a URL may not be called, as the end of a sentence about it; undefined when it may */
export function rejectTarget(policy: TargetPolicy, url: URL): string | undefined {
  const host = hostOf(url)
  if (url.username !== '' || url.password !== '') return 'must not contain a user name or password'
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must be an https address'
  if (policy.privateTargets.includes(host)) return undefined
  if (isAddress(host)) {
    const refusal = rejectAddress(policy, host, host)
    if (refusal !== undefined) return refusal
    return url.protocol === 'https:' || !isPublicAddress(host) ? undefined : 'must be an https address'
  }
  if (policy.loopback && host === 'localhost') return undefined
  if (!host.includes('.') || PRIVATE_NAME.test(host)) return `leads into a private network: ${HINT}`
  return url.protocol === 'https:' ? undefined : 'must be an https address'
}

/**
 * The same for the address to which a name was resolved. Checked before the connection, which then uses this address.
 * @param host the URL's host, without brackets
 */
export function rejectAddress(policy: TargetPolicy, host: string, address: string): string | undefined {
  if (isPublicAddress(address) || policy.privateTargets.includes(host)) return undefined
  if (policy.privateTargets.some((range) => isAddressRange(range) && isInRange(address, range)))
    return undefined
  if (policy.loopback && (host === 'localhost' || host === address) && isLoopback(address)) return undefined
  return host === address
    ? `is not a public address: ${HINT}`
    : `leads to ${address}, which is not a public address: ${HINT}`
}

/** The host of a URL in lower case, without brackets and without a trailing dot. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')

/**
 * The same fetch, limited to targets that the policy allows. It does not follow redirects. @throws ForbiddenTarget
 */
export function restrictFetchToTargets(policy: TargetPolicy, fetch: typeof globalThis.fetch): typeof fetch {
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input)
    const refusal = rejectTarget(policy, url)
    if (refusal !== undefined) throw new ForbiddenTarget(`${hostOf(url)} ${refusal}`)
    return fetch(input, { ...init, redirect: 'manual' })
  }
}
