// Where this service may call: Fly's API and the machines' own address, and nowhere else. What callers and agents write
// (addresses in cards, images, variables) is kept and shown, and never dialled; this holds even where a mistake of ours or a
// redirect of somebody else's would lead away.
import type { Transport } from './a2a/transport.ts'
import type { Config } from './config.ts'
import { proxyOf } from './provisioner/fly-endpoint.ts'

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
export function onlyTo(isAllowed: (origin: string) => boolean, fetch: typeof globalThis.fetch): typeof fetch {
  return async (input, init) => {
    const { origin } = new URL(input instanceof Request ? input.url : input)
    if (!isAllowed(origin)) throw new ForbiddenTarget(`${origin} is none of the places this service calls`)
    return fetch(input, { ...init, redirect: 'manual' })
  }
}

/** The same for messages to agents. */
export function transportOnlyTo(isAllowed: (origin: string) => boolean, transport: Transport): Transport {
  return (request, receiver) => {
    if (!isAllowed(request.origin)) {
      throw new ForbiddenTarget(`${request.origin} is none of the places this service calls`)
    }
    return transport(request, receiver)
  }
}
