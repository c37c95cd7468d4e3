// What inbound webhooks need: a delivery becomes a message, so everything that the proxy needs, and a limit per hook.
import type { ProxyContext } from '../a2a/context.ts'
import type { ByteBudget } from '../platform/byte-budget.ts'
import type { RateCounter } from '../platform/rate-limit.ts'
import type { Forgers } from './forgers.ts'

export type HookContext = ProxyContext & {
  /** Counts the deliveries of a hook. */
  countDelivery: RateCounter
  /** Counts the refusals of a hook for one reason, of which one a minute is an event. */
  countRefusal: RateCounter
  /** Bytes of bodies whose signature is not verified yet. */
  unverifiedBytes: ByteBudget
  /** Addresses that have just sent large bodies with a wrong signature. */
  forgers: Forgers
}
