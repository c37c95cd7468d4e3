// The columns of a workspace whose machine is replaced or booted anew by a recovery.
import type { Context } from '../config/context.ts'
import { provisionDeadline } from '../lifecycle/deadline.ts'
import type { ClaimedWorkspace } from '../lifecycle/queries.ts'
import { recoveriesOf } from './recoveries.ts'

export const newGeneration = ({ config, now }: Context, row: ClaimedWorkspace) => ({
  generation: row.generation + 1,
  recoveries: recoveriesOf(row, now()) + 1,
  deadlineAt: provisionDeadline(config, row.runtime, now()),
  registeredAt: null,
  lastHeartbeatAt: null,
})
