// Fetch on Node for URLs that users configure. A host name is resolved once, each of its addresses is checked, and
// the connection goes to one of these. The name is never resolved again, so a second answer with another address has
// no effect.
import { lookup as resolve, type LookupAddress } from 'node:dns'
import { Agent, fetch as undiciFetch } from 'undici'
import { ForbiddenTarget } from '../../lib/egress/egress-policy.ts'

const CONNECT_TIMEOUT_MS = 5_000

/** `dns.lookup` with the option `all`. */
export type Resolve = (
  host: string,
  options: { all: true },
  callback: (error: Error | null, addresses: LookupAddress[]) => void,
) => void

/**
 * Addresses that are part of a URL are not resolved; lib/egress/egress-policy.ts checks them before.
 * @param rejectAddress says why an address of a name may not be called
 */
export function createCheckedFetch(
  rejectAddress: (host: string, address: string) => string | undefined,
  resolveAll: Resolve = resolve,
): { fetch: typeof fetch; close(): Promise<void> } {
  const agent = new Agent({
    allowH2: false,
    connect: {
      timeout: CONNECT_TIMEOUT_MS,
      lookup(host, { all }, callback) {
        resolveAll(host, { all: true }, (error, addresses) => {
          const refused = error ?? firstForbidden(host, addresses)
          const [first] = addresses ?? []
          if (refused != null || first === undefined)
            callback(refused ?? new Error(`${host} has no address`), [])
          else if (all === true) callback(null, addresses)
          else callback(null, first.address, first.family)
        })
      },
    },
  })
  const firstForbidden = (host: string, addresses: LookupAddress[]): Error | undefined => {
    for (const { address } of addresses) {
      const why = rejectAddress(host.replace(/\.$/, ''), address)
      if (why !== undefined) return new ForbiddenTarget(`${host} ${why}`)
    }
    return undefined
  }
  return {
    // undici's fetch has the same interface with types of its own.
    fetch: ((input: string, init: RequestInit) =>
      undiciFetch(input, { ...init, dispatcher: agent } as never)) as unknown as typeof fetch,
    close: () => agent.destroy(),
  }
}
