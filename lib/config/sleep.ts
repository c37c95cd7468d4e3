// Settings of sleeping workspaces, and of what remains of failed ones.
import { OUTSIDE_STOP_POLICIES } from '../../drizzle/schema/index.ts'
import { number, oneOf, setting } from './setting.ts'

const HOUR_MS = 3_600_000

export const SLEEP = {
  /** `on_outside_stop` of workspaces that name none. */
  onOutsideStop: setting('ON_OUTSIDE_STOP', oneOf(OUTSIDE_STOP_POLICIES).default('sleep')),
  /** How long the machine of a failed workspace is kept, stopped; 0: not at all. */
  failedMachineRetentionMs: setting(
    'FAILED_MACHINE_RETENTION_HOURS',
    number(0, 8_760)
      .default(72)
      .transform((hours) => hours * HOUR_MS),
  ),
}
