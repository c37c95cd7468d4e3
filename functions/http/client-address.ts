// The client's IP address: the connection's peer, or what a trusted proxy in front of the server reports. Headers of
// other senders are ignored, because a client that chooses its own address would be counted as many clients.
import type { Config } from '../../lib/config/config.ts'
import { isAddress, isInRange } from '../../lib/platform/ip-address.ts'

const HEADERS = { cloudflare: 'cf-connecting-ip', fly: 'fly-client-ip' } as const

const MAX_LENGTH = 64

/** @returns an address, or `unknown` where the runtime does not provide one */
export function addressOf(
  { trustedProxy, trustedProxyHeader }: Pick<Config, 'trustedProxy' | 'trustedProxyHeader'>,
  header: (name: string) => string | undefined,
  connection: string | undefined,
): string {
  const peer = connection ?? 'unknown'
  if (trustedProxy === 'none') return peer.slice(0, MAX_LENGTH)
  if (typeof trustedProxy === 'string') return (header(HEADERS[trustedProxy]) ?? peer).slice(0, MAX_LENGTH)
  return rightmostUntrusted(trustedProxy, header(trustedProxyHeader), peer)
}

/**
 * Each proxy appends the address of its peer, so the list is trusted from the right for as long as its senders are
 * proxies. What is further to the left, the client could have written itself.
 */
function rightmostUntrusted(networks: readonly string[], list: string | undefined, peer: string): string {
  let client = peer
  for (const entry of (list ?? '').split(',').toReversed()) {
    const isProxy = isAddress(client) && networks.some((network) => isInRange(client, network))
    const address = withoutPort(entry.trim())
    if (!isProxy || !isAddress(address)) return client
    client = address
  }
  return client
}

/** Some proxies append `address:port`. */
const withoutPort = (text: string): string =>
  /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text
