// The two ways to reach Fly: over the internet, or inside the organization's private network (6PN), where neither
// this server nor the agents need a public address. They differ in the URLs and in the ports of machines.

export type FlyEndpoint = 'public' | 'internal'

/** The Machines API: TLS on the internet, plain HTTP inside the WireGuard network (docs/facts/fly.md §1.1). */
export const FLY_API = {
  public: 'https://api.machines.dev',
  internal: 'http://_api.internal:4280',
} as const

/** The Fly Proxy's URL of an app. `.flycast` needs a private_v6 address of the app (docs/facts/fly.md §7.1). */
export const proxyOf = (endpoint: FlyEndpoint, app: string): string =>
  endpoint === 'public' ? `https://${app}.fly.dev` : `http://${app}.flycast`

/**
 * The port of a machine's service at the proxy. Flycast is HTTP only (docs/facts/fly.md §7.1). A port is open at
 * every address of an app, so plain HTTP and a public address must not be combined.
 */
export const SERVICE_PORT = {
  public: { port: 443, handlers: ['tls', 'http'] },
  internal: { port: 80, handlers: ['http'] },
} as const
