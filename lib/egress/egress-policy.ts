// Where this service may call: Fly's API and the machines' own address, the public addresses that webhooks were asked for, and
// nowhere else. What else callers and agents write (addresses in cards, images, variables) is kept and shown, and never dialled;
// this holds even where a mistake of ours or a redirect of somebody else's would lead away.
import type { Config } from '../config/config.ts'
import { proxyOf } from '../provisioner/fly/endpoint.ts'
import { isAddress, isAddressRange, isInRange, isLoopback, isPublicAddress } from '../platform/ip-address.ts'

/** @returns whether an origin (`https://host:port`) is one of Fly's API, or of the apps that our machines are in */
export function createAllowedOrigins({ fly }: Pick<Config, 'fly'>): (origin: string) => boolean {
  const proxies =
    fly.proxyUrl === undefined ? fly.apps.map((app) => proxyOf(fly.endpoint, app)) : [fly.proxyUrl]
  const allowed = new Set([fly.apiUrl, ...proxies].map((url) => new URL(url).origin))
  return (origin) => allowed.has(origin)
}

export class ForbiddenTarget extends Error {
  override name = 'ForbiddenTarget'
}

/** The same fetch for those origins alone. Redirects are answers, not orders. @throws ForbiddenTarget */
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
  loopback: config.fly.emulator && isLoopback(config.listen.host),
  privateTargets: config.webhookPrivateTargets,
})

/** Names that are only known inside of a network: of clouds and Fly's 6PN (docs/facts/fly.md §1), of this computer, of homes and offices. */
const INSIDE = /(^|\.)(localhost|internal|flycast|local|lan|intranet|corp|home|home\.arpa)$/

const HINT = 'name it in WEBHOOK_PRIVATE_TARGETS if it may be called'

/** @returns why an address that somebody wrote may not be called, as a sentence about it; undefined when it may */
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
  if (!host.includes('.') || INSIDE.test(host)) return `leads into a private network: ${HINT}`
  return url.protocol === 'https:' ? undefined : 'must be an https address'
}

/**
 * The same for an address that a name was resolved to, to be asked before the connection is made to just this address.
 * @param host as it stood in the URL, without brackets
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

/** The host of a URL in lower case, without brackets and without the dot of a complete name. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')

/** The same fetch for addresses that somebody wrote and that may be called. Redirects are answers, not orders. @throws ForbiddenTarget */
export function restrictFetchToTargets(policy: TargetPolicy, fetch: typeof globalThis.fetch): typeof fetch {
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input)
    const refusal = rejectTarget(policy, url)
    if (refusal !== undefined) throw new ForbiddenTarget(`${hostOf(url)} ${refusal}`)
    return fetch(input, { ...init, redirect: 'manual' })
  }
}
