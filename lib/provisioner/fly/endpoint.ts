// The two ways to Fly: over the internet, or from inside the organization's private network (6PN), where nothing of ours or of
// the agents' needs a public address. They differ in where the API is, where an app is, and what its machines listen for.

export type FlyEndpoint = 'public' | 'internal'

/** Where the Machines API is: with TLS outside, plain inside WireGuard (docs/facts/fly.md §1.1). */
export const FLY_API = {
  public: 'https://api.machines.dev',
  internal: 'http://_api.internal:4280',
} as const

/** Where the Fly Proxy takes requests for an app. `.flycast` needs a private_v6 address of the app (docs/facts/fly.md §7.1). */
export const proxyOf = (endpoint: FlyEndpoint, app: string): string =>
  endpoint === 'public' ? `https://${app}.fly.dev` : `http://${app}.flycast`

/**
 * What a machine's service listens for at the proxy. Flycast is HTTP only (docs/facts/fly.md §7.1); and since a port is open at every
 * address that an app has, there is never both: plain HTTP on a public one would be a mistake.
 */
export const SERVICE_PORT = {
  public: { port: 443, handlers: ['tls', 'http'] },
  internal: { port: 80, handlers: ['http'] },
} as const
