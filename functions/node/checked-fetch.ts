// Fetch on Node for addresses that somebody wrote: a name is resolved once, every address that it leads to is looked at, and the
// connection is made to one of these. A name that is resolved again, to another address, is never dialled.
import { lookup as resolve, type LookupAddress } from 'node:dns'
import { Agent, fetch as undiciFetch } from 'undici'
import { ForbiddenTarget } from '../../lib/egress/egress-policy.ts'

const CONNECT_TIMEOUT_MS = 5_000

/** As `dns.lookup` with `all`. */
export type Resolve = (
  host: string,
  options: { all: true },
  callback: (error: Error | null, addresses: LookupAddress[]) => void,
) => void

/**
 * Addresses that stand in a URL themselves are not resolved: they must be looked at before (lib/egress/egress-policy.ts).
 * @param refusal why an address that a name leads to may not be called
 */
export function createCheckedFetch(
  refusal: (host: string, address: string) => string | undefined,
  resolveAll: Resolve = resolve,
): { fetch: typeof fetch; close(): Promise<void> } {
  const agent = new Agent({
    connect: {
      timeout: CONNECT_TIMEOUT_MS,
      lookup(host, { all }, callback) {
        resolveAll(host, { all: true }, (error, addresses) => {
          const refused = error ?? firstRefusal(host, addresses)
          const [first] = addresses ?? []
          if (refused != null || first === undefined)
            callback(refused ?? new Error(`${host} has no address`), [])
          else if (all === true) callback(null, addresses)
          else callback(null, first.address, first.family)
        })
      },
    },
  })
  const firstRefusal = (host: string, addresses: LookupAddress[]): Error | undefined => {
    for (const { address } of addresses) {
      const why = refusal(host.replace(/\.$/, ''), address)
      if (why !== undefined) return new ForbiddenTarget(`${host} ${why}`)
    }
    return undefined
  }
  return {
    // The same interface; undici types its own copy of it.
    fetch: ((input: string, init: RequestInit) =>
      undiciFetch(input, { ...init, dispatcher: agent } as never)) as unknown as typeof fetch,
    close: () => agent.destroy(),
  }
}
