// What inbound webhooks need: a delivery becomes a message, so everything that the proxy needs, and a limit per hook.
import type { ProxyContext } from '../a2a/context.ts'
import type { RateCounter } from '../platform/rate-limit.ts'

export type HookContext = ProxyContext & {
  /** Counts the deliveries of a hook. */
  countDelivery: RateCounter
}
