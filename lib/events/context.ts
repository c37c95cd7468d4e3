// The surroundings of functions that follow the event log.
import type { Core } from '../platform/context.ts'
import type { EventTail } from './event-tail.ts'

export type EventContext = Core & {
  /**
   * The newest events, shared by all listeners of this process. Undefined on Workers, where requests share nothing.
   */
  eventTail: EventTail | undefined
}
