// What only a process that lives on can have: parts that do work for many requests together. A Worker has none of them, because a
// request there must not wait for another one, and its script does not contain them.
import { createEventTail } from '../events/event-tail.ts'
import { createLogTails } from '../inside/log-tail.ts'
import { createBatches } from '../platform/batches.ts'
import { createTurns } from '../platform/turns.ts'
import { createStoreBeatsTogether } from '../registry/beats-together.ts'
import { createInsertTogether } from '../workspaces/insert-together.ts'

export const LONG_LIVED = {
  createBatches,
  createEventTail,
  createInsertTogether,
  createLogTails,
  createStoreBeatsTogether,
  createTurns,
}
