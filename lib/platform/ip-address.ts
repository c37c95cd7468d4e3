// Which addresses are on the public Internet, and which lead into somebody's private network, to this computer or to a cloud's
// metadata service.
import ipaddr from 'ipaddr.js'

/** Global unicast is all of IPv6 that is given out; everything else has a meaning of its own (RFC 4291 §2.4). */
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3')

/** Azure's metadata and DNS, which is in a public range. */
const AZURE_PLATFORM = '168.63.129.16'

/** @param address in any notation, without brackets; IPv4 in IPv6 is looked at as IPv4 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false
  const parsed = ipaddr.process(address)
  if (parsed.range() !== 'unicast') return false
  return parsed.kind() === 'ipv4' ? parsed.toString() !== AZURE_PLATFORM : parsed.match(GLOBAL_UNICAST)
}

export const isAddress = (text: string): boolean => ipaddr.isValid(text)

/** An address alone, or with the length of its prefix. */
export const isAddressRange = (text: string): boolean => ipaddr.isValid(text) || ipaddr.isValidCIDR(text)

/** @param range see {@link isAddressRange} */
export function isInRange(address: string, range: string): boolean {
  const parsed = ipaddr.process(address)
  if (ipaddr.isValid(range)) return ipaddr.process(range).toString() === parsed.toString()
  const [network, bits] = ipaddr.parseCIDR(range)
  return network.kind() === parsed.kind() && parsed.match(network, bits)
}

/** Whether only programs on this computer can reach a server that listens there. */
export const isLoopback = (host: string): boolean => /^(127(\.\d{1,3}){3}|::1|localhost)$/.test(host)
