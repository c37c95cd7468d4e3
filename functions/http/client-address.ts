// Where a request comes from: the connection's address, or what a named proxy in front of us says. Headers of strangers say
// nothing: whoever may choose his address is counted as many.

/** Whose header is believed (TRUSTED_PROXY). Workers are always behind Cloudflare. */
export const TRUSTED_PROXIES = ['none', 'cloudflare', 'fly'] as const
export type TrustedProxy = (typeof TRUSTED_PROXIES)[number]

const HEADERS = { cloudflare: 'cf-connecting-ip', fly: 'fly-client-ip' } as const

/** @returns an address, or `unknown` where the runtime does not tell */
export function addressOf(
  trusted: TrustedProxy,
  header: (name: string) => string | undefined,
  connection: string | undefined,
): string {
  const told = trusted === 'none' ? undefined : header(HEADERS[trusted])
  return (told ?? connection ?? 'unknown').slice(0, 64)
}
