// The surroundings of inbound webhooks: a delivery becomes a message, so it needs what the proxy needs.
import type { ProxyContext } from '../a2a/context.ts'
import type { RateCounter } from '../platform/rate-limit.ts'

export type HookContext = ProxyContext & {
  /** Counts the deliveries of a hook. */
  countDelivery: RateCounter
}
