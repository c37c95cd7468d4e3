// The client's IP address: the connection's peer, or what the configured proxy in front of the server reports. Headers of other
// senders are ignored, because a client that chooses its own address would be counted as many clients.

/** Proxies whose client-address header is trusted (TRUSTED_PROXY). Workers are always behind Cloudflare. */
export const TRUSTED_PROXIES = ['none', 'cloudflare', 'fly'] as const
export type TrustedProxy = (typeof TRUSTED_PROXIES)[number]

const HEADERS = { cloudflare: 'cf-connecting-ip', fly: 'fly-client-ip' } as const

/** @returns an address, or `unknown` where the runtime does not provide one */
export function addressOf(
  trusted: TrustedProxy,
  header: (name: string) => string | undefined,
  connection: string | undefined,
): string {
  const forwarded = trusted === 'none' ? undefined : header(HEADERS[trusted])
  return (forwarded ?? connection ?? 'unknown').slice(0, 64)
}
