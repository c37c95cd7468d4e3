// Which IP addresses are on the public internet, and which lead to a private network, to this computer or to a
// cloud's metadata service.
import ipaddr from 'ipaddr.js'

/** All public IPv6 addresses are global unicast; other ranges have special meanings (RFC 4291 §2.4). */
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3')

/** Azure's metadata and DNS service, in a public range. */
const AZURE_PLATFORM = '168.63.129.16'

/** @param address in any notation, without brackets; an IPv4-mapped IPv6 address counts as IPv4 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false
  const parsed = ipaddr.process(address)
  if (parsed.range() !== 'unicast') return false
  return parsed.kind() === 'ipv4' ? parsed.toString() !== AZURE_PLATFORM : parsed.match(GLOBAL_UNICAST)
}

export const isAddress = (text: string): boolean => ipaddr.isValid(text)

/** Whether a text is an address, or a network in CIDR notation. */
export const isAddressRange = (text: string): boolean => ipaddr.isValid(text) || ipaddr.isValidCIDR(text)

/** @param range see {@link isAddressRange} */
export function isInRange(address: string, range: string): boolean {
  const parsed = ipaddr.process(address)
  if (ipaddr.isValid(range)) return ipaddr.process(range).toString() === parsed.toString()
  const [network, bits] = ipaddr.parseCIDR(range)
  return network.kind() === parsed.kind() && parsed.match(network, bits)
}

/** Whether a server that listens on this host can be reached from this computer only. */
export const isLoopback = (host: string): boolean => /^(127(\.\d{1,3}){3}|::1|localhost)$/.test(host)
