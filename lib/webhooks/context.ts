// The surroundings of webhook delivery.
import type { Context } from '../config/context.ts'

export type WebhookContext = Context & {
  /**
   * Calls addresses that administrators entered, and refuses those that lead into a private network (lib/egress/).
   */
  fetchTarget: typeof fetch
}
